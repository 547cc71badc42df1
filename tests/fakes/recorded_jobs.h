#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "fakes/fake_comfy.h"
#include "fakes/python_json.h"
#include "fakes/recorded_frames.h"
#include "fakes/recording.h"

namespace fakes {

// All that a recording says about its jobs, by whatever answer or message.
class RecordedJobs {
 public:
  using Key = std::pair<std::string, std::string>;  // prompt_id, number

  explicit RecordedJobs(const Recording& recording);

  // Of ends that no answer tells, as ComfyUI of 2023 never does, learns from the messages to the sockets.
  void LearnFrom(const std::vector<Moment>& moments);

  // Of an array as in /queue.
  static Key KeyOf(const Json& item) { return {item.items[1].text, item.items[0].text}; }
  // Its entry in the history; nullptr when it was never seen there.
  const Json* EntryOf(const Key& job) const;
  const std::map<Key, Json>& entries() const { return entries_; }
  bool IsPosted(const std::string& prompt_id) const { return posted_.contains(prompt_id); }
  // What was posted. A long body was recorded as "(300211 bytes)"; then what became of it in history, "" if it was
  // never seen there.
  std::string RequestBodyOf(const Exchange& exchange) const;
  // extra_data.create_time of what was posted; else when it was posted. Unix ms.
  int64_t CreateTimeOf(const Exchange& exchange) const;

 private:
  void Learn(const Json& answer);
  void LearnEntry(const std::string& prompt_id, const Json& entry);
  void LearnItem(const Json& item);
  Key AcceptedAs(const Exchange& exchange) const;

  std::map<Key, Json> entries_;
  std::map<std::pair<Key, std::string>, int64_t> create_times_;  // unix ms; by job and prompt, ids being reused
  std::map<std::string, Key> posted_;                            // by prompt_id: the last one
};

// The time in the first or last message of a history entry, unix ms; 0 when unknown, also of nullptr.
int64_t StartTimeOf(const Json* entry);
int64_t EndTimeOf(const Json* entry);

// The data of execution_error; outputs_json is not in there.
ErrorSpec ErrorOf(const Json& data);

// Ends the running job as the history entry says it ended: with success, if it says nothing.
void FinishAs(FakeComfy* comfy, const Json* entry);

}  // namespace fakes
