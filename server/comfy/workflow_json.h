#pragma once

#include <string>
#include <vector>

#include "comfy/json.h"
#include "jobs/workflow.h"

namespace comfy {

// Reads a prompt graph: {node id: {"class_type", "inputs": {name: literal or [node id, slot]}}}. Nodes of another shape
// are passed over. Of the literals no text longer than kMaxLiteralBytes is kept, only what tells it from others.
simdjson::error_code ReadGraph(json::value& graph, std::vector<jobs::WorkflowNodeSource>& nodes);

// Reads the ids of the nodes to be run, the fifth element of a queue item.
simdjson::error_code ReadOutputIds(json::value& ids, std::vector<std::string>& outputs);

inline constexpr std::size_t kMaxLiteralBytes = 512;  // a path of a model file is shorter

}  // namespace comfy
