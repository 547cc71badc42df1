#pragma once

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jobs/job.h"
#include "jobs/run.h"
#include "jobs/run_event.h"
#include "jobs/workflow.h"

// Workflows, events and progress in few words.
namespace heard {

using jobs::RunEvent;

struct Drawn {
  std::string id;
  std::string class_type;
  std::vector<std::string> inputs{};
};

inline std::shared_ptr<const jobs::Workflow> Draw(const std::vector<Drawn>& nodes,
                                                  const std::vector<std::string>& outputs) {
  std::vector<jobs::WorkflowNodeSource> sources;
  for (const Drawn& node : nodes) {
    auto& source = sources.emplace_back();
    source.id = node.id;
    source.class_type = node.class_type;
    for (const std::string& from : node.inputs) source.links.push_back({"of " + from, from, "0"});
  }
  auto workflow = jobs::Workflow::Build(sources, outputs);
  return workflow ? std::make_shared<const jobs::Workflow>(*std::move(workflow)) : nullptr;
}

inline RunEvent::NodeState Running(const std::string& node, double value = 0, double max = 1,
                                   const std::string& display_node = "") {
  return {node, display_node.empty() ? node : display_node, false, value, max};
}

inline RunEvent::NodeState Finished(const std::string& node, double max = 1, const std::string& display_node = "") {
  return {node, display_node.empty() ? node : display_node, true, max, max};
}

inline RunEvent::NodeStates States(std::vector<RunEvent::NodeState> nodes) {
  return {std::move(nodes)};
}

// "40% 2/5 4:KSampler 12/20", "100% 5/5"; "nothing".
inline std::string InWords(const std::optional<jobs::Progress>& progress) {
  if (!progress) return "nothing";
  char percentage[32];
  std::snprintf(percentage, sizeof percentage, "%.4g%% ", progress->percentage);
  std::string text =
      percentage + std::to_string(progress->completed_nodes) + '/' + std::to_string(progress->total_nodes);
  if (const auto& node = progress->current_node) {
    text += ' ' + node->node_id + ':' + node->node_type;
    if (node->total_steps > 0)
      text += ' ' + std::to_string(node->current_step) + '/' + std::to_string(node->total_steps);
  }
  return text;
}

}  // namespace heard
