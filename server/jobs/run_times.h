#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "jobs/estimate.h"  // board.cc takes Settle from here
#include "jobs/job.h"
#include "jobs/time.h"

namespace jobs {

// How long the last completed runs of one backend took, and what that says about the runs to come. It knows nothing of
// workflows: where they differ much, the band says so. Bounded memory; no clock.
class RunTimes {
 public:
  static constexpr std::size_t kMaxRuns = 64;
  static constexpr std::size_t kMinEvidence = 3;  // runs; with fewer there is no estimate

  // One completed run. Negative durations (a clock that was set) are no evidence.
  void Add(Duration run_time);

  // When a run that has been executing since `start` ends. Rests on the runs that took longer than it has taken so far;
  // nothing when too few did.
  std::optional<Estimate> EndOfRunning(Time start, Time now) const;

  // When the job at `position` (1 runs next) ends, the jobs before it and the running one, if any, included.
  std::optional<Estimate> EndOfQueued(int position, const std::optional<Time>& running_since, Time now) const;

 private:
  struct Quantiles {
    Duration low, median, high;  // 10 %, 50 %, 90 %
  };
  std::optional<Quantiles> LongerThan(Duration elapsed) const;

  std::deque<Duration> runs_;  // oldest first
};

}  // namespace jobs
