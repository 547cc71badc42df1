#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/python_json.h"
#include "fakes/socket_event.h"

namespace fakes {

// How far one node is (progress.py NodeProgressState). Those of an expanded subgraph ("1.0.0.3") are shown as the node
// that was expanded.
struct NodeProgress {
  std::string id;
  std::string display_node;
  std::optional<std::string> parent_node;
  std::string real_node;
  Json value;
  Json max;
  bool finished = false;
};

// What ComfyUI remembers of a running job besides its place in the queue: PromptServer.client_id and last_node_id,
// the messages for the history, the progress registry.
struct Execution {
  std::string prompt_id;
  Json client_id;  // null: the job is nobody's
  int64_t started_ms = 0;
  std::optional<std::vector<std::string>> cached;  // the nodes of execution_cached, once that was sent
  std::vector<NodeProgress> nodes;                 // in the order in which they were touched
  std::optional<std::string> last_node;            // executing: what a reconnecting owner is told

  bool has_owner() const { return !client_id.is_null(); }
  // The owner; nobody when there is none, or when its id is of a type no socket can have.
  Audience ToOwner() const;
  // The owner, or everybody when there is none.
  Audience ToOwnerOrAll() const;

  NodeProgress* Find(std::string_view node_id);  // nullptr when it was not touched
};

// The data of progress_state.
Json ProgressStateData(const Execution& execution);

}  // namespace fakes
