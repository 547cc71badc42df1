#include "cli/live_view.h"

#include <cstdio>
#include <limits>

#include "cli/report.h"
#include "cli/text.h"

namespace jobstatus::cli {

using std::chrono::steady_clock;

void LiveView::OnStatus(const JobStatus& status) {
  const std::pair key(status.backend(), status.job_id());
  if (IsTerminal(status.state())) {
    under_way_.erase(key);
    for (std::string& line : LastingLines(status, style_)) ended_.push_back(std::move(line));
    return;
  }
  const Time now = steady_clock::now();
  JobView& job = under_way_.try_emplace(key, JobView{.processing_since = now}).first->second;
  if (job.status.state() != status.state()) job.processing_since = now;
  job.status = status;
  job.received = now;
}

void LiveView::OnNotice(const std::string& notice) {
  terminal_.Leave();
  std::fprintf(stderr, "jobstatus: %s\n", notice.c_str());
  Redraw();
}

void LiveView::Redraw() {
  std::vector<JobView> jobs;
  jobs.reserve(under_way_.size());
  for (const auto& [key, job] : under_way_) jobs.push_back(job);
  // The last column stays free, where terminals differ about when to fold; the last row is the cursor's.
  ScreenSize size = TerminalSize();
  --size.width;
  --size.height;
  std::vector<std::string> block = RenderScreen(jobs, steady_clock::now(), size, style_);
  if (jobs.empty() && size.height > 0) block = {Clip(idle_, size.width)};
  terminal_.Draw(ended_, std::move(block));
  ended_.clear();
}

void LiveView::Leave() {
  terminal_.Draw(ended_, {});
  ended_.clear();
  terminal_.Leave();
}

std::vector<std::string> LastingLines(const JobStatus& status, const Style& style) {
  Style whole = style;
  whole.width = std::numeric_limits<int>::max();
  whole.id_width = DisplayWidth(Escape(status.job_id()));
  const Time now = steady_clock::now();
  std::vector<std::string> lines = {JobLine({.status = status, .received = now, .processing_since = now}, now, whole)};
  for (std::string& line : Details(status)) lines.push_back(std::move(line));
  return lines;
}

}  // namespace jobstatus::cli
