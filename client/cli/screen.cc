#include "cli/screen.h"

#include <algorithm>
#include <tuple>

#include "cli/text.h"

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;

namespace {

constexpr std::size_t kShortestId = 6;

bool ComesBefore(const JobView* a, const JobView* b) {
  const auto key = [](const JobView* job) {
    const JobStatus& status = job->status;
    return std::tuple(status.state() != JOB_STATE_PROCESSING, status.queue().position(),
                      std::string_view(status.backend()), std::string_view(status.job_id()));
  };
  return key(a) < key(b);
}

std::string More(std::span<const JobView* const> hidden, const Style& style) {
  const auto processing =
      std::ranges::count_if(hidden, [](const JobView* job) { return job->status.state() == JOB_STATE_PROCESSING; });
  const auto queued = std::ssize(hidden) - processing;
  std::string text = style.unicode ? "… and " : "... and ";
  if (processing > 0) text += std::to_string(processing) + " more processing";
  if (processing > 0 && queued > 0) text += ", ";
  if (queued > 0) text += std::to_string(queued) + " more queued";
  return Clip(text, style.width);
}

}  // namespace

std::size_t IdWidth(std::span<const JobView> jobs, std::size_t width) {
  std::size_t longest = kShortestId;
  for (const JobView& job : jobs) longest = std::max(longest, DisplayWidth(Escape(job.status.job_id())));
  // A prompt_id has 36 columns; all of it is shown where that leaves room for the rest.
  const std::size_t most = width >= 110 ? 36 : std::max(kShortestId, width / 4);
  return std::min(longest, most);
}

std::vector<std::string> RenderScreen(std::span<const JobView> jobs, Time now, ScreenSize size, Style style) {
  style.width = size.width;
  style.id_width = IdWidth(jobs, size.width);
  std::vector<const JobView*> order;
  order.reserve(jobs.size());
  for (const JobView& job : jobs) order.push_back(&job);
  std::ranges::sort(order, ComesBefore);
  style.name_backend = std::ranges::any_of(
      order, [&](const JobView* job) { return job->status.backend() != order.front()->status.backend(); });

  std::size_t shown = order.size();
  if (shown > size.height) shown = size.height > 0 ? size.height - 1 : 0;
  std::vector<std::string> lines;
  for (const JobView* job : std::span(order).first(shown)) lines.push_back(JobLine(*job, now, style));
  if (shown < order.size() && size.height > 0) lines.push_back(More(std::span(order).subspan(shown), style));
  return lines;
}

}  // namespace jobstatus::cli
