#include "jobs/time_remaining.h"

namespace jobs {

void TimeRemaining::Ended(const RunState&, Time, bool) {}
void TimeRemaining::Restarted() {}
std::optional<Estimate> TimeRemaining::EndOfRunning(const RunState&, Time) {
  return std::nullopt;
}
std::vector<std::optional<Estimate>> TimeRemaining::EndsOfQueue(
    std::span<const RunState* const>, std::span<const std::shared_ptr<const Workflow>> pending, Time) {
  return std::vector<std::optional<Estimate>>(pending.size());
}

}  // namespace jobs
