#pragma once

#include <atomic>
#include <cstdint>

#include "fakes/fake_comfy.h"
#include "fakes/recorded_jobs.h"
#include "fakes/recording.h"

namespace fakes {

// The worker thread of a recorded ComfyUI, guessed: it starts a job as soon as it can and ends it as the recording says
// it ended, at the latest moment at which the recording's next answer can still be true. Sets the fake's clock to the
// recorded times as it goes. For one thread.
class RecordedWorker {
 public:
  // `clock_ms` is what the fake's now_ms reads.
  RecordedWorker(FakeComfy* comfy, std::atomic<int64_t>* clock_ms, const Recording& recording);

  // Ends what had ended before `exchange` was asked, going by its time and by its answer; then it is that time.
  void CatchUp(const Exchange& exchange);
  // Starts a job if the worker is idle. To be called after every request.
  void StartIfIdle();
  // Ends the running job and starts the next; false when none runs.
  bool FinishOne();
  const RecordedJobs& jobs() const { return jobs_; }

 private:
  bool IsTrueFor(const Exchange& exchange) const;
  bool IsOverdue(int64_t now_ms) const;
  bool IsQueued(const RecordedJobs::Key& job) const;

  FakeComfy* const comfy_;
  std::atomic<int64_t>* const clock_ms_;
  const RecordedJobs jobs_;
};

}  // namespace fakes
