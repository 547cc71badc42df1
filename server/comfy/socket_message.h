#pragma once

#include <memory>
#include <optional>
#include <string>

#include "comfy/body.h"
#include "jobs/run_event.h"
#include "jobs/time.h"

namespace comfy {

// What one text message of ComfyUI's WebSocket says, as far as a status client cares (comfyui-protocol.md section 3).
struct SocketMessage {
  std::optional<int> queue_remaining;     // of `status`: the queue may have changed
  std::optional<std::string> sid;         // of the first `status`: the client id that the socket sits at
  bool features = false;                  // `feature_flags`, the answer to ours
  std::optional<jobs::RunEvent> event{};  // something about a running job
};

// Reads messages; what it does not know says nothing. Keeps simdjson's parser. Not thread-safe.
class SocketMessageReader {
 public:
  SocketMessageReader();
  ~SocketMessageReader();

  // Nothing when the message is not JSON of ComfyUI's shape: that message is lost, and no other.
  std::optional<SocketMessage> Read(const Body& text, jobs::RunEvent::Channel channel, jobs::Time now);

 private:
  struct Parser;  // keeps simdjson's header out of this one
  std::unique_ptr<Parser> parser_;
};

}  // namespace comfy
