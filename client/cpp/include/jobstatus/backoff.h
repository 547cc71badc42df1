// How long to wait before the next attempt.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

namespace jobstatus {

struct BackoffSettings {
  std::chrono::milliseconds initial{250};
  std::chrono::milliseconds max{10'000};
  // Each wait is this many times the one before, until `max`. At least 1.
  double multiplier = 2.0;
};

// A sequence of growing waits. Chance spreads them, so that many clients of a service that went down do not all return
// at the same moment. Not thread-safe.
class Backoff {
 public:
  // Gives a number in [0, 1).
  using Random = std::function<double()>;

  Backoff(BackoffSettings settings, Random random);

  // The next wait: between half of the full step and the step. When the service said `retry_after`, at least that and
  // at most a quarter more, unless the step is longer.
  std::chrono::milliseconds Next(std::optional<std::chrono::milliseconds> retry_after);

  // Starts over from `initial`: an attempt has succeeded.
  void Reset();

 private:
  BackoffSettings settings_;
  Random random_;
  std::chrono::duration<double, std::milli> step_;
};

}  // namespace jobstatus
