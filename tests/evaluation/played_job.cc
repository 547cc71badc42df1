#include "evaluation/played_job.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace evaluation {
namespace {

constexpr auto kEpoch = jobs::Time(std::chrono::hours(24 * 365 * 55));
constexpr std::size_t kPaceSteps = 5;  // the pace is that of the last steps

jobs::Duration MedianGap(std::span<const double> times) {
  std::vector<double> gaps;
  for (std::size_t i = 1; i < times.size(); ++i) gaps.push_back(times[i] - times[i - 1]);
  std::ranges::sort(gaps);
  return jobs::Duration(std::llround(gaps[gaps.size() / 2] * 1e6));
}

}  // namespace

jobs::Time At(double seconds) {
  return kEpoch + jobs::Duration(std::llround(seconds * 1e6));
}

double SecondsOf(jobs::Time time) {
  return std::chrono::duration<double>(time - kEpoch).count();
}

jobs::RunState StateAt(const PlayedJob& job, double now) {
  using State = jobs::NodeRun::State;
  jobs::RunState run{.workflow = job.workflow, .began = At(job.began), .heard = job.heard, .cached_known = job.heard};
  run.nodes.resize(job.nodes.size());
  if (!job.heard) return run;
  const double elapsed = now - job.began;
  for (std::size_t i = 0; i < job.nodes.size(); ++i) {
    const PlayedNode& node = job.nodes[i];
    jobs::NodeRun& seen = run.nodes[i];
    if (node.cached) seen.state = State::kCached;
    if (!node.ran || node.began > elapsed) continue;
    seen.state = node.ended <= elapsed ? State::kDone : State::kRunning;
    seen.began = At(job.began + node.began);
    if (seen.state == State::kDone) seen.ended = At(job.began + node.ended);
    const auto made = static_cast<std::size_t>(
        std::ranges::count_if(node.step_times, [elapsed](double time) { return time <= elapsed; }));
    if (made == 0) continue;
    seen.steps = node.steps;
    seen.step = static_cast<std::int64_t>(made);
    seen.fraction = static_cast<double>(made) / node.steps;
    seen.stepped = At(job.began + node.step_times[made - 1]);
    if (made >= 2) {
      const std::size_t from = made > kPaceSteps ? made - kPaceSteps - 1 : 0;
      seen.step_time = MedianGap(std::span(node.step_times).subspan(from, made - from));
    }
  }
  return run;
}

std::optional<double> NaiveEnd(const PlayedJob& job, double now) {
  using State = jobs::NodeRun::State;
  const jobs::RunState run = StateAt(job, now);
  double done = 0;
  for (const jobs::NodeRun& node : run.nodes) {
    if (node.state == State::kDone || node.state == State::kCached) done += 1;
    if (node.state == State::kRunning) done += node.fraction;
  }
  if (!run.heard || done == 0) return std::nullopt;
  return job.began + (now - job.began) * static_cast<double>(run.nodes.size()) / done;
}

}  // namespace evaluation
