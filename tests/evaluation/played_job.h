#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/run_state.h"
#include "jobs/time.h"
#include "jobs/workflow.h"

// A job of which the whole truth is known. Times in seconds, those of nodes from the beginning of the run.
namespace evaluation {

struct PlayedNode {
  bool cached = false;
  bool ran = false;
  double began = 0;
  double ended = 0;
  int steps = 0;                   // that it reports
  std::vector<double> step_times;  // when each was made
};

struct PlayedJob {
  std::shared_ptr<const jobs::Workflow> workflow;
  std::string family;  // jobs of one family differ in seeds, texts, steps and sizes only
  double submitted = 0;
  double began = 0;
  double ended = 0;
  std::vector<PlayedNode> nodes;  // one for each of workflow->nodes()
  bool heard = true;              // its events are
  bool completed = true;
  bool restart_before = false;  // ComfyUI restarts before it begins
};

// The program's time at `seconds`, and back.
jobs::Time At(double seconds);
double SecondsOf(jobs::Time time);

// What is known of the running job at `now`, if everything is heard at once.
jobs::RunState StateAt(const PlayedJob& job, double now);

// The end by the naive rule: time taken so far by the part done so far, each node counting the same. Absent before
// anything is done, and when nothing is heard.
std::optional<double> NaiveEnd(const PlayedJob& job, double now);

}  // namespace evaluation
