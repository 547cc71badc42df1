#pragma once

#include <map>
#include <string>

#include "fakes/socket_event.h"

namespace fakes {

// What our companion node, a plug-in of ComfyUI, sends to one socket of ours besides ComfyUI's own messages: the events
// that ComfyUI sends to others or to nobody, wrapped as {"type": "jobstatus.mirror", "data": <event>} and without what
// is big or gives paths away.
class Mirror {
 public:
  static bool IsFor(const std::string& client_id) { return client_id.starts_with("jobstatus-"); }

  // The message for an event that did not reach the socket; nullptr when it is not mirrored. Of progress_state only the
  // nodes that changed since the last call, and nothing if none did; all of them in the first and in a new prompt's
  // first. Progress that does not say whose it is (before 2024) is told with the node that was last executing.
  SharedFrame Reflect(const SocketEvent& event);

 private:
  Json ChangedNodes(const Json& progress_state);

  Json executing_;                            // data of the last such event, while a node runs
  std::string prompt_id_;                     // of the last progress_state
  std::map<std::string, std::string> nodes_;  // as last sent, JSON by id
};

}  // namespace fakes
