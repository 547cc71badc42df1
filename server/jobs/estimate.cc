#include "jobs/estimate.h"

#include <algorithm>

namespace jobs {

std::optional<Estimate> Settle(const std::optional<Estimate>& old, const std::optional<Estimate>& fresh, Time now) {
  if (!old || !fresh || old->end <= now) return fresh;
  const Duration tolerance = std::max(Duration(std::chrono::seconds(1)), (fresh->end - now) / 10);
  // The ends of the band are guesses of what is unlikely; they may be off by more.
  const Duration of_band = std::max(tolerance, (old->latest_end - old->earliest_end) / 4);
  const auto close = [](Time a, Time b, Duration by) { return (a > b ? a - b : b - a) <= by; };
  const bool holds = close(old->end, fresh->end, tolerance) && close(old->earliest_end, fresh->earliest_end, of_band) &&
                     close(old->latest_end, fresh->latest_end, of_band);
  return holds ? old : fresh;
}

}  // namespace jobs
