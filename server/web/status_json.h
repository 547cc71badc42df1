#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "board/board.h"
#include "jobs/time.h"

namespace web {

// What the page shows.
struct Shown {
  jobs::Time now;
  std::vector<board::BackendState> backends;
  std::vector<board::Snapshot> unfinished;  // in any order
  std::vector<board::Snapshot> ended;       // newest first
};

// Of each kind of job at most this many are told; of those that wait, the first.
inline constexpr std::size_t kMostRunning = 100;
inline constexpr std::size_t kMostQueued = 100;
inline constexpr std::size_t kMostEnded = 20;
inline constexpr std::size_t kMostOutputs = 8;  // of one job

// For the page's script, which is the only reader and goes with it: {"now", "backends": […], "running": […], "queued":
// […], "queued_left_out", "running_left_out", "ended": […]}. Times are milliseconds since 1970; what is not known is
// left out. All text is as it came from ComfyUI, thus maybe an attacker's, but cut.
std::string StatusJson(const Shown& shown);

}  // namespace web
