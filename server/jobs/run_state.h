#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "jobs/time.h"
#include "jobs/workflow.h"

// How far one run of a workflow has come, node by node. All times are when we heard of it.
namespace jobs {

struct NodeRun {
  enum class State { kWaiting, kRunning, kDone, kCached };
  State state = State::kWaiting;
  double fraction = 0;                // of a running node: how much of it is done, 0 to 1; 0 when it reports no steps
  std::int64_t step = 0;              // of steps
  std::int64_t steps = 0;             // 0: it reports none
  std::optional<Time> began;          // absent when its beginning was not heard
  std::optional<Time> ended;          // of kDone; absent when its end was not heard
  std::optional<Time> stepped;        // when it last made a step
  std::optional<Duration> step_time;  // median of its last steps; absent before two were heard
};

struct RunState {
  std::shared_ptr<const Workflow> workflow;  // null: the graph is not known, and `nodes` is empty
  std::vector<NodeRun> nodes;                // one for each of workflow->nodes()
  std::optional<Time> began;                 // absent when the run's beginning was not seen
  bool heard = false;                        // its events are heard; else all nodes are kWaiting, which means nothing
  bool cached_known = false;                 // which nodes are cached was heard; else only what follows from the others
};

}  // namespace jobs
