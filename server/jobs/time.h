#pragma once

#include <chrono>

// The two clocks of this program, as types. The core never reads them: a time is an argument.
namespace jobs {

using Duration = std::chrono::microseconds;

inline double Seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Wall clock, for what callers are told.
using Time = std::chrono::sys_time<Duration>;

// Monotonic clock, for pacing, deadlines and heartbeats.
using Steady = std::chrono::time_point<std::chrono::steady_clock, Duration>;

}  // namespace jobs
