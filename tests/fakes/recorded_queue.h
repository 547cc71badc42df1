#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "fakes/fake_comfy.h"
#include "fakes/recorded_frames.h"
#include "fakes/recorded_jobs.h"
#include "fakes/recording.h"

namespace fakes {

// A FakeComfy whose queue and history go through what those of a recorded ComfyUI went through, as far as that shows in
// what its sockets were told. Ids, numbers and times are the recorded ones. For one thread.
class RecordedQueue {
 public:
  // `options`: version, now_ms and make_id are the recording's.
  RecordedQueue(const Recording& recording, const std::vector<RecordedSocket>& sockets,
                const std::vector<Moment>& moments, FakeComfyOptions options);

  FakeComfy& comfy() { return comfy_; }
  // From now on jobs of the client `recorded` are submitted as `actual`'s.
  void Rename(std::string recorded, std::string actual);

  // Brings the queue and the history where they must have been when the server sent this message, if it is one. Throws
  // std::runtime_error when the recording does not tell how.
  void CatchUp(const Moment& moment);
  // Ends the running job as it ended; does nothing when none runs. CatchUp does it, too, but only with the status that
  // follows the end.
  void Finish();

 private:
  struct Deed {  // of a client
    enum class Kind { kSubmit, kDelete, kClear };
    Kind kind;
    int64_t time_us;
    std::string prompt_id = "";          // to delete; of an unrecorded submission
    const Exchange* exchange = nullptr;  // of a recorded submission
    std::string client_id = "";          // of an unrecorded submission
  };

  void CatchUpWithStatus(const Moment& status);
  void CatchUpWithHistory(int64_t time_us);
  void Plan(const Exchange& exchange);
  void PlanUnposted(const std::vector<Moment>& moments, const std::vector<RecordedSocket>& sockets);
  PromptRequest RequestOf(const Exchange& exchange) const;
  void SubmitNext();
  void CountTo(int64_t number);
  void StartNext();
  const Json* EntryOfRunning() const;
  size_t remaining() const { return comfy_.running().size() + comfy_.pending().size(); }
  bool IsPending(const std::string& prompt_id) const;
  void ForgetIdleDeeds();
  bool DeletionComesFirst(int64_t time_us) const;

  const Recording& recording_;
  RecordedJobs jobs_;
  std::deque<Deed> deeds_;          // what is still to be done to the queue ...
  std::deque<Deed> history_deeds_;  // ... and to the history
  std::string ended_;               // the job whose end was told last
  std::string recorded_client_;
  std::string actual_client_;
  std::atomic<int64_t> clock_ms_ = 0;  // the server's thread reads it, too
  std::string next_id_;
  int64_t count_ = 0;  // the number that a submission without one will get
  FakeComfy comfy_;
};

}  // namespace fakes
