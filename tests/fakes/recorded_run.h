#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/fake_comfy.h"
#include "fakes/recorded_frames.h"

namespace fakes {

// One WebSocket of a recording: "v0.3.64", "03-own-client-id", "submitter".
struct RecordedRunName {
  std::string version;
  std::string scenario;
  std::string socket;
};

// A recording played to the one client that is connected to `comfy()`: message by message it is told what that socket
// was told, and before each message the queue and the history are brought where the real server's must have been when
// it sent it, with the recorded ids, graphs, times, outputs and errors. So HTTP and socket tell one story.
//
//   RecordedRun run(root, {"v0.3.64", "03-own-client-id", "submitter"});
//   … connect a client to run.comfy().url(); run.comfy().WaitForSockets(1) …
//   while (const Moment* told = run.Step()) {
//     if (told->type() == "execution_success") …  // the job is not in the history yet: it will be with the next status
//   }
//
// Messages come verbatim but for `sid`, and what the recorded client submitted is the connected one's. The fake tells
// nothing of its own accord, not even a greeting: that is the first message. For one thread.
class RecordedRun {
 public:
  // `options`: version, mute, now_ms and make_id are the run's. Throws std::runtime_error when it cannot be read.
  RecordedRun(const std::filesystem::path& root, const RecordedRunName& name, FakeComfyOptions options = {});
  ~RecordedRun();
  RecordedRun(const RecordedRun&) = delete;
  RecordedRun& operator=(const RecordedRun&) = delete;

  FakeComfy& comfy();
  // Sends the next message, and does not wait for it to arrive; nullptr, and nothing is sent, when the recorded socket
  // was told no more. How it ended is not played. Throws std::logic_error when nobody is connected.
  const Moment* Step();
  // The same until a message of that type was sent; nullptr when there is none.
  const Moment* StepTo(std::string_view type);
  // The message as it was sent last.
  const std::string& sent() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

// A recording that is not played.
struct Unplayed {
  std::string_view scenario;
  std::string_view socket;  // of these names and any longer ones; "" for all
  std::string_view reason;
};
const std::vector<Unplayed>& UnplayedRecordings();

// All sockets under `root` that can be played: all but the unplayed.
std::vector<RecordedRunName> RecordedRuns(const std::filesystem::path& root);

}  // namespace fakes
