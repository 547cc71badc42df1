#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "board/by_state.h"
#include "jobs/histogram.h"
#include "jobs/job.h"

namespace board {

// Counts how jobs end, and how long they waited and ran. Each span is between two times of one clock, ours or
// ComfyUI's: the two may differ. Not thread-safe; no clock.
class Tally {
 public:
  // There are numbers of this backend, if only noughts.
  void Enter(const std::string& backend) { backends_.try_emplace(backend); }

  // Something was observed; the first time is when the count began.
  void Begin(jobs::Time now) { since_ = since_.value_or(now); }

  // `status` is told from now on; `before` is what was told of the job until now, null: nothing.
  void Told(const jobs::JobStatus* before, const jobs::JobStatus& status);

  struct Counts {
    ByState outcomes{};            // how often a job was told to have ended so; a lost one that is found may end again
    jobs::Histogram::Counts wait;  // from coming into the queue to beginning to run
    jobs::Histogram::Counts run;   // from beginning to run to the end, of those whose end is known
  };
  std::map<std::string, Counts> Read() const;  // by backend, of those that were entered or had jobs

 private:
  struct OfBackend {
    ByState outcomes{};
    jobs::Histogram wait;
    jobs::Histogram run;
    OfBackend();
  };
  // When a job was first seen so; of those that are unfinished.
  struct Seen {
    std::optional<jobs::Time> queued;
    std::optional<jobs::Time> running;
    bool waited = false;  // its wait was counted
  };
  std::map<std::string, OfBackend> backends_;
  std::map<std::pair<std::string, std::string>, Seen> seen_;  // by job id and backend
  std::optional<jobs::Time> since_;                           // the count began
};

}  // namespace board
