#pragma once

#include <optional>

#include "jobs/job.h"
#include "jobs/time.h"

namespace jobs {

// `fresh`, or `old` where the difference is too small to tell a caller: under a second, under a tenth of the time left,
// or under a quarter of the band's width. One that should have ended by now does not hold.
std::optional<Estimate> Settle(const std::optional<Estimate>& old, const std::optional<Estimate>& fresh, Time now);

}  // namespace jobs
