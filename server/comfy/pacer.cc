#include "comfy/pacer.h"

#include <algorithm>
#include <cmath>

namespace comfy {
namespace {

jobs::Duration Scaled(jobs::Duration duration, double factor) {
  return jobs::Duration(std::llround(static_cast<double>(duration.count()) * factor));
}

}  // namespace

Pacer::Pacer(Options options, jobs::Steady now) : options_(options), budget_(options.burst), as_of_(now) {}

void Pacer::Grow(jobs::Steady now) {
  if (now <= as_of_) return;
  budget_ = std::min(options_.burst, budget_ + Scaled(now - as_of_, options_.share));
  as_of_ = now;
}

jobs::Duration Pacer::PlausibleCost(jobs::Duration took, std::size_t bytes) {
  constexpr jobs::Duration kAnyAnswer = std::chrono::milliseconds(10);
  return std::min(took, kAnyAnswer + jobs::Duration(bytes / 10));
}

jobs::Duration Pacer::Pay(jobs::Duration cost, jobs::Steady now) {
  Grow(now);
  const jobs::Duration charged = std::max(cost, kLeastCost);
  budget_ -= charged;
  return charged;
}

jobs::Duration Pacer::budget(jobs::Steady now) const {
  Pacer grown = *this;
  grown.Grow(now);
  return grown.budget_;
}

jobs::Steady Pacer::ready_at(jobs::Steady now) const {
  const jobs::Duration left = budget(now);
  return left >= jobs::Duration(0) ? now : now + TimeFor(-left) + jobs::Duration(1);
}

jobs::Duration Pacer::TimeFor(jobs::Duration cost) const {
  return Scaled(cost, 1 / options_.share);
}

}  // namespace comfy
