#include "jobstatus/backoff.h"

#include <algorithm>
#include <utility>

namespace jobstatus {

using std::chrono::milliseconds;

Backoff::Backoff(BackoffSettings settings, Random random)
    : settings_(settings), random_(std::move(random)), step_(settings.initial) {}

milliseconds Backoff::Next(std::optional<milliseconds> retry_after) {
  const double chance = random_();
  auto wait = step_ * (0.5 + 0.5 * chance);
  step_ = std::min<decltype(step_)>(step_ * settings_.multiplier, settings_.max);
  if (retry_after) wait = std::max<decltype(wait)>(wait, *retry_after * (1 + 0.25 * chance));
  return std::chrono::duration_cast<milliseconds>(wait);
}

void Backoff::Reset() {
  step_ = settings_.initial;
}

}  // namespace jobstatus
