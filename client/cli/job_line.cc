#include "cli/job_line.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "cli/bar.h"
#include "cli/report.h"
#include "cli/segments.h"
#include "cli/text.h"
#include "cli/words.h"

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;
using google::protobuf::util::TimeUtil;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kStateWidth = 10;
constexpr std::size_t kNarrow = 60;  // below this there is no room for a bar
constexpr std::size_t kShortestBar = 8;
constexpr std::size_t kLongestBar = 30;

// How long the job has been running: since ComfyUI's start time if it told one, else since we first saw it.
milliseconds Elapsed(const JobView& job, Time now) {
  const auto since_received = std::chrono::duration_cast<milliseconds>(now - job.received);
  if (!job.status.has_start_time()) return std::chrono::duration_cast<milliseconds>(now - job.processing_since);
  const std::int64_t until_observed = TimeUtil::TimestampToMilliseconds(job.status.observe_time()) -
                                      TimeUtil::TimestampToMilliseconds(job.status.start_time());
  return milliseconds(std::max<std::int64_t>(until_observed, 0)) + since_received;
}

void AddTimeLeft(const JobView& job, Time now, const Style& style, std::vector<Segment>& segments) {
  if (!job.status.has_estimated_time_remaining() || job.status.stale()) return;
  const milliseconds estimate(TimeUtil::DurationToMilliseconds(job.status.estimated_time_remaining()));
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(estimate - (now - job.received));
  segments.push_back({(style.unicode ? " · " : ", ") + TimeLeft(left), kDim});
}

void AddProcessing(const JobView& job, Time now, const Style& style, std::vector<Segment>& segments) {
  const JobStatus& status = job.status;
  const std::size_t bar = std::clamp(style.width / 5, kShortestBar, kLongestBar);
  const bool roomy = style.width >= kNarrow;
  if (!status.has_progress()) {
    if (roomy) segments.push_back({WanderingBar(Elapsed(job, now), bar, style.unicode) + " ", kCyan});
    segments.push_back({Stopwatch(std::chrono::duration_cast<std::chrono::seconds>(Elapsed(job, now))), kPlain});
    return;
  }
  const double percentage = status.progress().percentage();
  if (roomy) segments.push_back({Bar(percentage, bar, style.unicode) + " ", kCyan});
  const std::string number = std::to_string(WholePercent(percentage)) + "%";
  segments.push_back({std::string(4 - std::min<std::size_t>(number.size(), 4), ' ') + number, kBold});
  const std::string node = CurrentNode(status.progress());
  if (!node.empty()) segments.push_back({"  " + node, kPlain});
}

}  // namespace

std::string JobLine(const JobView& job, Time now, const Style& style) {
  const JobStatus& status = job.status;
  std::vector<Segment> segments;
  const std::string id = Shorten(Escape(status.job_id()), style.id_width, style.unicode);
  segments.push_back({Pad(id, style.id_width) + "  ", kPlain});
  segments.push_back({Pad(std::string(StateName(status.state())), kStateWidth) + "  ", ColorOf(status.state())});
  if (status.stale()) segments.push_back({"stale  ", kYellow});
  if (status.state() == JOB_STATE_PROCESSING) {
    AddProcessing(job, now, style, segments);
  } else if (status.state() == JOB_STATE_QUEUED) {
    if (status.has_queue()) segments.push_back({PlaceInQueue(status.queue()), kPlain});
  } else {
    segments.push_back({Ending(status), kPlain});
  }
  if (!IsTerminal(status.state())) AddTimeLeft(job, now, style, segments);
  if (style.name_backend) segments.push_back({"  on " + Escape(status.backend()), kDim});
  return Join(segments, style.width, style.color);
}

}  // namespace jobstatus::cli
