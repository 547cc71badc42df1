#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "fakes/fake_comfy.h"
#include "fakes/python_json.h"
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
  // What was posted. A long body was recorded as "(300211 bytes)"; then what became of it in history.
  std::string RequestBodyOf(const Exchange& exchange) const;

 private:
  using Key = std::pair<std::string, std::string>;  // prompt_id, number

  void Learn(const Json& answer);
  void LearnEntry(const std::string& prompt_id, const Json& entry);
  void LearnItem(const Json& item);
  const Json* EntryOf(const Json& item) const;
  bool IsTrueFor(const Exchange& exchange) const;
  bool IsOverdue(int64_t now_ms) const;
  bool IsQueued(const Key& job) const;
  static Key KeyOf(const Json& item) { return {item.items[1].text, item.items[0].text}; }

  FakeComfy* const comfy_;
  std::atomic<int64_t>* const clock_ms_;
  std::map<Key, Json> entries_;                                  // history entries seen anywhere in the recording
  std::map<std::pair<Key, std::string>, int64_t> create_times_;  // unix ms; by job and prompt, ids being reused
};

}  // namespace fakes
