#include "comfy/deafness.h"

#include <algorithm>
#include <utility>

namespace comfy {

void Deafness::Opened(jobs::Steady now) {
  heard_ = now;
  unheard_since_.reset();
  own_quiet_since_.reset();
}

void Deafness::Heard(jobs::Steady now) {
  heard_ = now;
  unheard_since_.reset();
}

void Deafness::HeardOfOwnJob(jobs::Steady now) {
  own_quiet_since_ = now;
  own_patience_ = limits_.of_own_job;
}

bool Deafness::Looked(jobs::Steady asked_at, bool changed, bool own_job_runs) {
  const auto before = std::exchange(looked_, asked_at);
  // Heard since the look before: that may have been this change.
  if (changed && before && heard_ < *before && !unheard_since_) unheard_since_ = asked_at;
  if (unheard_since_ && asked_at - *unheard_since_ >= limits_.after_change) return true;

  if (!own_job_runs) {
    own_quiet_since_.reset();
    own_patience_ = limits_.of_own_job;
    return false;
  }
  if (!own_quiet_since_) own_quiet_since_ = asked_at;
  if (asked_at - *own_quiet_since_ < own_patience_) return false;
  own_patience_ = std::min(own_patience_ * 2, limits_.of_own_job_longest);  // a node may well be silent for minutes
  return true;
}

}  // namespace comfy
