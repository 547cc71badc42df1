#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "jobs/time.h"

// What was heard of a running job over ComfyUI's WebSocket (comfyui-protocol.md section 3), as values. Names of nodes
// are ComfyUI's ids: of a node of the workflow, or of a part that one of them was expanded into ("1.0.0.3").
namespace jobs {

struct RunEvent {
  // Whose ears heard it. Of a job that is not the service's own, a later one of these tells more.
  enum class Channel {
    kSeat,      // the service's own client id: what is for that id, and what is for everyone
    kMirror,    // the companion node, which tells what went to others
    kAttached,  // the submitter's client id, whose seat the service took
  };

  struct Began {                      // execution_start
    std::optional<Time> timestamp{};  // ComfyUI's; since Jul 2024
  };
  struct Cached {  // execution_cached
    std::vector<std::string> nodes;
  };
  struct Executing {  // executing, of a node
    std::string node;
    std::string display_node{};  // the workflow's node that it is a part of; empty before Aug 2024
  };
  struct Step {                       // progress
    std::optional<std::string> node;  // absent before Jan 2024, and before 0.3.45 of a job without client id: the one
                                      // that is executing
    double value = 0;
    double max = 0;
  };
  struct NodeState {
    std::string node;
    std::string display_node;
    bool finished = false;
    double value = 0;
    double max = 0;
  };
  struct NodeStates {  // progress_state: nodes touched so far, all of them or those that changed
    std::vector<NodeState> nodes;
  };
  struct Over {           // execution_success; executing null
    bool failed = false;  // execution_error, execution_interrupted: the node that was running is not done
  };

  // Empty: of whichever job is running (`executing` to one who comes back; `progress` before Jan 2024).
  std::string job_id;
  Channel channel = Channel::kSeat;
  bool replayed = false;  // told to one who came late: it happened some time before
  Time heard_at;
  std::variant<Began, Cached, Executing, Step, NodeStates, Over> what;
};

}  // namespace jobs
