// What a watch does next: pure decisions, without gRPC, threads or clocks.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>

#include "jobstatus/backoff.h"
#include "jobstatus/error.h"
#include "jobstatus/watch.h"

namespace jobstatus {

// Attach again after `wait`, because of `why`.
struct Reattach {
  std::chrono::milliseconds wait;
  int attempt;  // from 1 in each outage; 0: there is none, the service only wants the caller on another connection
  Error why;
};

// The watch is over.
struct Finished {
  Result<void> result;
};

using Decision = std::variant<Reattach, Finished>;

// One watch, over any number of attempts. The caller reports what happened and does what it is told.
class WatchFlow {
 public:
  using Time = std::chrono::steady_clock::time_point;

  WatchFlow(WatchRequest request, std::chrono::milliseconds silence_limit, Backoff backoff, Time now);

  // An attempt begins: what to ask the service for.
  comfyui::jobstatus::v1::WatchStatusRequest Attach(Time now);

  // A message came. True: it is the first after an outage.
  bool OnMessage(const comfyui::jobstatus::v1::WatchStatusResponse& message);

  // Listening begins, or goes on after an event was told: silence is counted from here.
  void Listen(Time now) { listening_since_ = now; }

  // When to stop listening if nothing comes, and what to do then.
  Time ListenUntil() const;
  Decision OnSilence(Time now);

  // The stream ended; `error` absent: with OK.
  Decision OnEnd(std::optional<Error> error, Time now);

  // The caller ended it.
  Finished Cancelled() const;

  // A wait is over. Engaged: there is no time left for another attempt.
  std::optional<Finished> AfterWait(Time now) const;

 private:
  bool AllNamedJobsEnded() const;
  bool OutOfTime(Time now) const { return deadline_ && now >= *deadline_; }
  Finished GiveUp(Error error) const;
  Finished TimeIsUp() const;

  WatchRequest request_;
  std::chrono::milliseconds silence_limit_;
  Backoff backoff_;
  Time started_;
  std::optional<Time> deadline_;
  Time listening_since_;
  Time attached_at_;
  std::uint64_t revision_;
  std::set<std::string> ended_;  // named jobs whose newest status is terminal
  std::optional<JobStatus> last_status_;
  bool heard_ = false;  // any message in any attempt
  bool attached_before_ = false;
  int failed_attempts_ = 0;  // of this outage
};

}  // namespace jobstatus
