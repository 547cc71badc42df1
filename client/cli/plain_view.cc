#include "cli/plain_view.h"

#include <cstdio>

#include "cli/json.h"
#include "cli/report.h"
#include "cli/terminal.h"

namespace jobstatus::cli {

void PlainView::OnStatus(const JobStatus& status) {
  if (ends_only_ && !IsTerminal(status.state())) return;
  const std::string text = PlainText(status, format_);
  if (format_ == PlainFormat::kLines && !IsNews(status, text)) return;
  Print(text);
}

// A status may change in what a line does not show, such as the time left.
bool PlainView::IsNews(const JobStatus& status, const std::string& text) {
  const std::string said = text.substr(text.find(' '));  // all but the time
  std::string& said_before = said_[status.backend() + " " + status.job_id()];
  const bool news = said != said_before;
  said_before = said;
  if (IsTerminal(status.state())) said_.erase(status.backend() + " " + status.job_id());
  return news;
}

void PlainView::OnNotice(const std::string& notice) {
  std::fprintf(stderr, "jobstatus: %s\n", notice.c_str());
}

std::string PlainText(const JobStatus& status, PlainFormat format) {
  if (format == PlainFormat::kJson) return ToJsonLine(status) + "\n";
  std::string text = PlainLine(status) + "\n";
  for (const std::string& line : Details(status)) text += line + "\n";
  return text;
}

}  // namespace jobstatus::cli
