// For pipes, files and dumb terminals.
#pragma once

#include <map>
#include <string>

#include "cli/view.h"

namespace jobstatus::cli {

enum class PlainFormat { kLines, kJson };

// One line for each status that says something new, flushed at once; with lines, the details of a job that has ended
// below it.
class PlainView : public View {
 public:
  // `ends_only`: says nothing of a job until it has ended.
  PlainView(PlainFormat format, bool ends_only) : format_(format), ends_only_(ends_only) {}

  void OnStatus(const JobStatus& status) override;
  void OnNotice(const std::string& notice) override;

 private:
  bool IsNews(const JobStatus& status, const std::string& text);

  PlainFormat format_;
  bool ends_only_;
  std::map<std::string, std::string> said_;  // last, of each job that has not ended
};

// The status in that format, with line ends.
std::string PlainText(const JobStatus& status, PlainFormat format);

}  // namespace jobstatus::cli
