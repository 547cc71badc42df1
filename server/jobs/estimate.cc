#include "jobs/estimate.h"

#include <algorithm>

namespace jobs {

std::optional<Estimate> Settle(const std::optional<Estimate>& old, const std::optional<Estimate>& fresh, Time now) {
  if (!old || !fresh || old->end <= now) return fresh;
  const Duration tolerance =
      std::max({Duration(std::chrono::seconds(1)), (fresh->end - now) / 10, (old->latest_end - old->earliest_end) / 4});
  const auto close = [&](Time a, Time b) { return (a > b ? a - b : b - a) <= tolerance; };
  const bool holds = close(old->end, fresh->end) && close(old->earliest_end, fresh->earliest_end) &&
                     close(old->latest_end, fresh->latest_end);
  return holds ? old : fresh;
}

}  // namespace jobs
