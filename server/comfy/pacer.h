#pragma once

#include <cstddef>

#include "jobs/time.h"

namespace comfy {

// Keeps the share of a ComfyUI server's time that we take under a fraction. ComfyUI answers HTTP on the thread that
// feeds its GPU, so the time it needs for an answer is taken from the running job. A budget grows with time up to
// `burst`; each answer is paid with what it took; while the budget is overdrawn nothing dear is asked. Pure.
class Pacer {
 public:
  struct Options {
    double share = 0.02;
    jobs::Duration burst = std::chrono::milliseconds(500);
  };

  Pacer(Options options, jobs::Steady now);

  // No answer costs ComfyUI less, whatever the difference of two clock readings says (/prompt, the smallest: about 1
  // ms).
  static constexpr jobs::Duration kLeastCost = std::chrono::microseconds(500);

  // What an answer of so many bytes may have cost the server, of what it took: at most what the slowest is known to
  // take for so many, 100 ms for each MB (a copy of the history). Longer than that the server was busy with something
  // else, stalls of 20 s being normal (trap 16), and that is not ours to pay for.
  static jobs::Duration PlausibleCost(jobs::Duration took, std::size_t bytes);

  // Pays for an answer that took the server `cost`; returns what was charged.
  jobs::Duration Pay(jobs::Duration cost, jobs::Steady now);

  // How long the share of the time takes to make up for `cost`.
  jobs::Duration TimeFor(jobs::Duration cost) const;

  // What may be spent now; negative when overdrawn.
  jobs::Duration budget(jobs::Steady now) const;

  // When the next dear question may be asked; not after `now` when it may be asked at once.
  jobs::Steady ready_at(jobs::Steady now) const;

 private:
  void Grow(jobs::Steady now);

  Options options_;
  jobs::Duration budget_;  // negative: overdrawn
  jobs::Steady as_of_;
};

}  // namespace comfy
