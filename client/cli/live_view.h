// For a terminal: jobs under way live at the bottom, those that have ended scroll up.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cli/terminal.h"
#include "cli/view.h"

namespace jobstatus::cli {

class LiveView : public View {
 public:
  // `idle` stands on the screen while no job is under way.
  LiveView(Style style, std::string idle) : style_(style), idle_(std::move(idle)) {}

  // Remembers it; Redraw shows it.
  void OnStatus(const JobStatus& status) override;
  void OnNotice(const std::string& notice) override;
  void Redraw() override;
  void Leave() override;

 private:
  Style style_;
  std::string idle_;
  std::map<std::pair<std::string, std::string>, JobView> under_way_;  // by backend and job id
  std::vector<std::string> ended_;                                    // lines not yet written
  Terminal terminal_;
};

// The lines that stay of a job: how it is doing, then its details.
std::vector<std::string> LastingLines(const JobStatus& status, const Style& style);

}  // namespace jobstatus::cli
