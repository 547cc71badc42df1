#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "jobs/job.h"

namespace board {

// A number for each jobs::JobState, in their order.
using ByState = std::array<std::uint64_t, static_cast<std::size_t>(jobs::JobState::kLost) + 1>;

inline std::uint64_t& At(ByState& numbers, jobs::JobState state) {
  return numbers[static_cast<std::size_t>(state)];
}

inline std::uint64_t At(const ByState& numbers, jobs::JobState state) {
  return numbers[static_cast<std::size_t>(state)];
}

}  // namespace board
