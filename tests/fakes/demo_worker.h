#pragma once

#include <map>
#include <string>
#include <thread>

#include "fakes/fake_comfy.h"
#include "fakes/python_json.h"

namespace fakes {

struct DemoNode;

// Executes the jobs of a FakeComfy as ComfyUI's one worker thread would, without computing anything, and tells what it
// does. Nodes run in the order of their ids (numbers before other ids). How long one takes, divided by `speed`:
//   KSampler                 50 ms for each of its `steps` (20), of which it tells; so does any other node with `steps`
//   SaveImage               100 ms; puts {"images": [{"filename": "<filename_prefix>_00001_.png", …}]} into the outputs
//   VAEDecode               200 ms
//   CheckpointLoaderSimple  300 ms
//   any other                50 ms
// A node is cached when the job before had one of the same class and inputs that was fed alike, and it ran or was
// cached itself. A KSampler without a `seed` takes a random one, so neither it nor what it feeds is ever cached. A node
// with an input "raise" fails with that message: torch.cuda.OutOfMemoryError if it says "out of memory", else
// RuntimeError. POST /interrupt ends a job between nodes and between steps.
class DemoWorker {
 public:
  // `comfy` must outlive this. Nobody else may start or finish its jobs.
  DemoWorker(FakeComfy* comfy, double speed);
  ~DemoWorker();  // stops at once, whatever is running
  DemoWorker(const DemoWorker&) = delete;
  DemoWorker& operator=(const DemoWorker&) = delete;

 private:
  void Work(const std::stop_token& stop);
  void RunJob(const std::stop_token& stop);
  // False when interrupted or stopped.
  bool SpendTimeIn(const DemoNode& node, const std::stop_token& stop);

  FakeComfy* const comfy_;
  const double speed_;
  // Touched by the worker thread only:
  int jobs_started_ = 0;
  int images_saved_ = 0;
  std::map<std::string, Json> results_;  // the cache: what a node put out (null: nothing) by what it computes
  std::jthread thread_;                  // the worker: starts and finishes jobs
};

}  // namespace fakes
