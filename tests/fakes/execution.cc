#include "fakes/execution.h"

#include <algorithm>

namespace fakes {

Audience Execution::ToOwner() const {
  return client_id.is_string() ? Audience::Client(client_id.text) : Audience::Nobody();
}

Audience Execution::ToOwnerOrAll() const {
  return has_owner() ? ToOwner() : Audience::Everyone();
}

NodeProgress* Execution::Find(std::string_view node_id) {
  const auto found =
      std::find_if(nodes.rbegin(), nodes.rend(), [node_id](const NodeProgress& node) { return node.id == node_id; });
  return found == nodes.rend() ? nullptr : &*found;
}

Json ProgressStateData(const Execution& execution) {
  const Json prompt_id = Json::String(execution.prompt_id);
  Json nodes = Json::Object();
  for (const NodeProgress& node : execution.nodes) {
    nodes.members.emplace_back(  // touched once each: no key comes twice
        node.id, Json::Object({{"value", node.value},
                               {"max", node.max},
                               {"state", Json::String(node.finished ? "finished" : "running")},
                               {"node_id", Json::String(node.id)},
                               {"prompt_id", prompt_id},
                               {"display_node_id", Json::String(node.display_node)},
                               {"parent_node_id", node.parent_node ? Json::String(*node.parent_node) : Json()},
                               {"real_node_id", Json::String(node.real_node)}}));
  }
  return Json::Object({{"prompt_id", prompt_id}, {"nodes", std::move(nodes)}});
}

}  // namespace fakes
