#pragma once

#include <optional>

#include "jobs/time.h"

namespace comfy {

// Whether a socket that is open has gone deaf: ComfyUI can drop a socket from its table that stays open and answers
// pings (trap 5), or another socket can have taken its seat. What the queue shows over HTTP tells: each change of it is
// told to every socket with `status`. Pure.
class Deafness {
 public:
  struct Limits {
    jobs::Duration after_change = std::chrono::seconds(3);  // the queue changed and nothing was heard
    jobs::Duration of_own_job = std::chrono::seconds(30);   // a job of our own runs and says nothing; doubled each time
    jobs::Duration of_own_job_longest = std::chrono::minutes(10);
  };

  explicit Deafness(Limits limits) : limits_(limits), own_patience_(limits.of_own_job) {}

  void Opened(jobs::Steady now);
  // Any message but those that only we were sent: the first ones of a socket.
  void Heard(jobs::Steady now);
  void HeardOfOwnJob(jobs::Steady now);

  // The queue was asked at `asked_at`. `changed`: it was not as it had been when it was asked the time before.
  // `own_job_runs`: one that was submitted with our client id. True when the socket has to be opened again.
  bool Looked(jobs::Steady asked_at, bool changed, bool own_job_runs);

  // Something is amiss, and not yet certain.
  bool suspected() const { return unheard_since_.has_value(); }

 private:
  const Limits limits_;
  jobs::Steady heard_{};
  std::optional<jobs::Steady> looked_;         // last
  std::optional<jobs::Steady> unheard_since_;  // a change was seen that nothing was heard of
  std::optional<jobs::Steady> own_quiet_since_;
  jobs::Duration own_patience_;
};

}  // namespace comfy
