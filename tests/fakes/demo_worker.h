#pragma once

#include <thread>

#include "fakes/fake_comfy.h"

namespace fakes {

// Executes the jobs of a FakeComfy as ComfyUI's one worker thread would, without computing anything. Nodes run in the
// order of their ids (numbers before other ids). How long one takes, divided by `speed`:
//   KSampler                 50 ms for each of its `steps`
//   SaveImage               100 ms; puts {"images": [{"filename": "<filename_prefix>_00001_.png", …}]} into the outputs
//   VAEDecode               200 ms
//   CheckpointLoaderSimple  300 ms
//   any other                50 ms
// A node with an input "raise" fails with that message: torch.cuda.OutOfMemoryError if it says "out of memory", else
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

  FakeComfy* const comfy_;
  const double speed_;
  int images_saved_ = 0;  // touched by the worker thread only
  std::jthread thread_;   // the worker: starts and finishes jobs
};

}  // namespace fakes
