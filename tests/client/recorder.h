#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "jobstatus/watch.h"

namespace jobstatus {

// Keeps what a watch tells, for a test to wait for. Outlives the watch.
class Recorder {
 public:
  struct Told {
    std::vector<JobStatus> statuses;
    std::vector<std::uint64_t> heartbeats;
    std::vector<Error> outages;  // the first retry of each
    std::vector<std::chrono::milliseconds> waits;
    int reattached = 0;
    std::optional<Result<void>> end;
  };

  WatchEvents Events();

  // Returns what was told once the condition holds of it; fails the test when it does not for long.
  Told Await(const std::function<bool(const Told&)>& condition);
  Told AwaitStatuses(std::size_t count);
  Told AwaitEnd();

 private:
  void Add(const std::function<void(Told&)>& change);

  std::mutex mutex_;  // protects told_: the watch's thread adds, the test reads
  std::condition_variable changed_;
  Told told_;
};

}  // namespace jobstatus
