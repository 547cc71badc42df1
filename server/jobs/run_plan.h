#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "jobs/run_state.h"
#include "jobs/workflow.h"

// What a run has to do, given what ComfyUI has in its cache when the run begins.
namespace jobs {

// What ComfyUI still has of the run before: the results of its nodes, for the next run's nodes of equal signatures. It
// keeps them for one run only.
class Leftovers {
 public:
  Leftovers() = default;  // of nothing: just started

  // Of a run that went through, or will.
  explicit Leftovers(const Workflow& workflow);

  // Of a run that has ended. What it has of the nodes that were not heard is guessed: all when it was completed, else
  // those that wait for none, as it is mostly the long ones at the end that fail.
  Leftovers(const RunState& run, bool completed);

  // For each node, whether its result is there.
  std::vector<bool> Cached(const Workflow& workflow) const;

 private:
  std::vector<std::uint64_t> signatures_;  // sorted
};

struct RunPlan {
  std::vector<bool> needed;  // for each node, whether it has to be executed
  // For each node, whether a model that it works with was not loaded by the run before: then it waits for the loading,
  // in the loader or at its first step.
  std::vector<bool> cold;
  std::uint64_t shape = 0;           // equal: the same nodes have to be executed, with as many steps
  std::uint64_t scalable_shape = 0;  // equal: the same but for steps and sizes; it takes the longer, the more `work`
  std::uint64_t cost_shape = 0;  // equal: the nodes that cost are the same, but for steps, sizes and loading of models
  double work = 0;               // steps × sizes
};

RunPlan PlanRun(const Workflow& workflow, const std::vector<bool>& cached);

}  // namespace jobs
