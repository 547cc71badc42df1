#pragma once

#include <chrono>

namespace fakes {

// How long a test waits for what a fake should see, before it fails.
inline constexpr std::chrono::seconds kWaitLimit{20};

}  // namespace fakes
