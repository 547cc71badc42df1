#pragma once

#include <algorithm>

#include "jobs/time.h"

namespace comfy {

// How long to leave an unwell server alone: doubling from `first` to `longest` with each failure in a row. Pure;
// `jitter` in [0, 1) is drawn by the caller, and takes up to a quarter away so that many watchers of one server spread.
class Backoff {
 public:
  Backoff(jobs::Duration first, jobs::Duration longest) : first_(first), longest_(longest), next_(first) {}

  jobs::Duration Next(double jitter) {
    const jobs::Duration delay = next_;
    next_ = std::min(next_ * 2, longest_);
    return delay - jobs::Duration(static_cast<jobs::Duration::rep>(static_cast<double>(delay.count()) / 4 * jitter));
  }

  void Reset() { next_ = first_; }

 private:
  jobs::Duration first_, longest_, next_;
};

}  // namespace comfy
