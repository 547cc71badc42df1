#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "jobs/job.h"
#include "jobs/run_state.h"
#include "jobs/time.h"
#include "jobs/workflow.h"

namespace jobs {

// When the jobs of one backend will end, from evidence only: the running job's own pace, and how long earlier runs and
// their nodes took. Bounded memory; no clock; not thread-safe.
class TimeRemaining {
 public:
  // A run has left the queue at `end`. `completed`: with success; a failed or interrupted run is evidence for the nodes
  // that it finished, and for what ComfyUI has in its cache now, but not for how long such a run takes.
  void Ended(const RunState& run, Time end, bool completed);

  // ComfyUI restarted: its cache is empty and no model is loaded.
  void Restarted();

  // When the run that is executing ends; nothing without evidence.
  std::optional<Estimate> EndOfRunning(const RunState& run, Time now);

  // When each of the waiting jobs ends, in the order of execution, behind the running ones (more than one only on
  // forks of ComfyUI). A null workflow: not known.
  std::vector<std::optional<Estimate>> EndsOfQueue(std::span<const RunState* const> running,
                                                   std::span<const std::shared_ptr<const Workflow>> pending, Time now);
};

}  // namespace jobs
