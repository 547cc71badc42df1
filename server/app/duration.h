#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobs/time.h"

namespace app {

// "500ms", "10s", "2m", "1h" or "7d"; a number without a unit is refused, since nobody could know what it counts.
std::optional<jobs::Duration> ParseDuration(std::string_view text);

std::string Format(jobs::Duration duration);  // such that ParseDuration reads it

}  // namespace app
