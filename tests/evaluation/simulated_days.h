#pragma once

#include <cstdint>
#include <vector>

#include "evaluation/played_job.h"

namespace evaluation {

struct SimulatedDays {
  std::uint64_t seed = 1;
  double days = 2;
  double heard = 1;  // the share of jobs whose events are heard
};

// Days of work of a few people on one ComfyUI, the same for the same seed: model loads and switches, ComfyUI's cache,
// bursts, noise, a GPU that others use at times, nodes that swap, slow drift, failures, restarts, workflows never seen
// before. In the order in which they ran.
std::vector<PlayedJob> Simulate(const SimulatedDays& what);

}  // namespace evaluation
