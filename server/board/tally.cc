#include "board/tally.h"

#include <algorithm>
#include <array>

namespace board {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// From jobs that are all in the cache to videos of a night.
constexpr std::array<jobs::Duration, 16> kJobTimes = {jobs::Duration(100'000),
                                                      seconds(1),
                                                      seconds(2),
                                                      seconds(5),
                                                      seconds(10),
                                                      seconds(20),
                                                      seconds(30),
                                                      minutes(1),
                                                      minutes(2),
                                                      minutes(5),
                                                      minutes(10),
                                                      minutes(20),
                                                      hours(1),
                                                      hours(2),
                                                      hours(6),
                                                      hours(24)};

void Add(jobs::Histogram& histogram, jobs::Time from, jobs::Time to) {
  histogram.Add(std::max(jobs::Duration(0), to - from));
}

}  // namespace

Tally::OfBackend::OfBackend() : wait(kJobTimes), run(kJobTimes) {}

void Tally::Told(const jobs::JobStatus* before, const jobs::JobStatus& status) {
  using jobs::JobState;
  if (before != nullptr && before->state == status.state) return;
  const std::pair key(status.job_id, status.backend);
  OfBackend& backend = backends_[status.backend];
  if (status.state == JobState::kQueued) {
    seen_[key] = {.queued = status.observe_time, .running = {}};
    return;
  }
  Seen& seen = seen_[key];
  if (status.state == JobState::kProcessing) {
    seen.running = status.observe_time;
    seen.waited = seen.queued.has_value();
    if (seen.queued) Add(backend.wait, *seen.queued, *seen.running);
    return;
  }
  // One that ended before there was anybody to count is no news, though it was looked up just now.
  const bool followed = before != nullptr && !jobs::IsTerminal(before->state);
  if (followed || (since_ && status.end_time && *status.end_time >= *since_)) {
    ++At(backend.outcomes, status.state);
    if (!seen.waited && status.create_time && status.start_time)
      Add(backend.wait, *status.create_time, *status.start_time);
    if (status.start_time && status.end_time) {
      Add(backend.run, *status.start_time, *status.end_time);
    } else if (seen.running && status.state != JobState::kLost) {
      Add(backend.run, *seen.running, status.observe_time);
    }
  }
  seen_.erase(key);
}

std::map<std::string, Tally::Counts> Tally::Read() const {
  std::map<std::string, Counts> counts;
  for (const auto& [name, backend] : backends_)
    counts[name] = {.outcomes = backend.outcomes, .wait = backend.wait.Read(), .run = backend.run.Read()};
  return counts;
}

}  // namespace board
