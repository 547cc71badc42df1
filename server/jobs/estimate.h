#pragma once

#include <optional>

#include "jobs/job.h"
#include "jobs/time.h"

namespace jobs {

// `fresh`, or `old` where the difference is too small to tell a caller: under a second, or under a tenth of the time
// left; of the band, under a quarter of its width. One that should have ended by now does not hold.
std::optional<Estimate> Settle(const std::optional<Estimate>& old, const std::optional<Estimate>& fresh, Time now);

}  // namespace jobs
