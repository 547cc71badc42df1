#include "jobs/workflow.h"

#include <algorithm>

#include "jobs/hash.h"
#include "jobs/node_cost.h"

namespace jobs {
namespace {

// The indices of `sources` in an order in which each stands behind those it links to.
std::vector<std::size_t> ExecutionOrder(const std::vector<WorkflowNodeSource>& sources,
                                        const std::unordered_map<std::string_view, std::size_t>& index) {
  std::vector<std::size_t> waits_for(sources.size(), 0);
  std::vector<std::vector<std::size_t>> feeds(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (const auto& link : sources[i].links) {
      const auto from = index.find(link.from);
      if (from == index.end()) continue;
      feeds[from->second].push_back(i);
      ++waits_for[i];
    }
  }
  std::vector<std::size_t> order;
  order.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (waits_for[i] == 0) order.push_back(i);
  }
  for (std::size_t at = 0; at < order.size(); ++at) {
    for (const std::size_t fed : feeds[order[at]]) {
      if (--waits_for[fed] == 0) order.push_back(fed);
    }
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (waits_for[i] > 0) order.push_back(i);
  }
  return order;
}

// The inputs of a node that are values: its literals, and links to a node that holds nothing but a value.
NodeValues ValuesOf(const WorkflowNodeSource& source, const std::vector<WorkflowNodeSource>& sources,
                    const std::unordered_map<std::string_view, std::size_t>& index) {
  NodeValues values;
  for (const auto& literal : source.literals) values.emplace_back(literal.name, literal.text);
  for (const auto& link : source.links) {
    const auto from = index.find(link.from);
    if (from == index.end()) continue;
    const WorkflowNodeSource& above = sources[from->second];
    if (!above.links.empty()) continue;
    const auto value = std::ranges::find(above.literals, "value", &WorkflowNodeSource::Literal::name);
    if (value != above.literals.end()) values.emplace_back(link.name, value->text);
  }
  std::ranges::sort(values);
  return values;
}

}  // namespace

std::optional<Workflow> Workflow::Build(const std::vector<WorkflowNodeSource>& sources,
                                        const std::vector<std::string>& outputs) {
  if (sources.size() > kMaxNodes) return std::nullopt;
  const auto too_long = [](const WorkflowNodeSource& source) {
    return source.id.size() > kMaxNameBytes || source.class_type.size() > kMaxNameBytes;
  };
  if (std::ranges::any_of(sources, too_long)) return std::nullopt;
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < sources.size(); ++i) index.emplace(sources[i].id, i);

  Workflow workflow;
  workflow.nodes_.reserve(sources.size());
  std::vector<CostAbove> above_all;  // one for each node
  for (const std::size_t i : ExecutionOrder(sources, index)) {
    const WorkflowNodeSource& source = sources[i];
    Node node{.id = source.id, .class_type = source.class_type};
    Hash signature;
    signature.Add(source.class_type);
    std::vector<const WorkflowNodeSource::Literal*> literals;
    for (const auto& literal : source.literals) literals.push_back(&literal);
    std::ranges::sort(literals, {}, [](const auto* literal) { return literal->name; });
    for (const auto* literal : literals) signature.Add(literal->name).Add(literal->text);
    CostAbove around;
    std::vector<const WorkflowNodeSource::Link*> links;
    for (const auto& link : source.links) links.push_back(&link);
    std::ranges::sort(links, {}, [](const auto* link) { return link->name; });
    for (const auto* link : links) {
      const auto from = workflow.by_id_.find(link->from);
      if (from == workflow.by_id_.end()) continue;  // to a node that is not there, or of a cycle
      const Node& above = workflow.nodes_[from->second];
      signature.Add(link->name).Add(above.signature).Add(link->slot);
      around.Add(above_all[from->second]);
      if (link->name == "sigmas") node.steps = above.steps;
      node.inputs.push_back(from->second);
    }
    std::ranges::sort(node.inputs);
    node.inputs.erase(std::ranges::unique(node.inputs).begin(), node.inputs.end());
    node.signature = signature.value();
    SetCost(node, ValuesOf(source, sources, index), around);
    if (!workflow.by_id_.emplace(source.id, static_cast<std::uint32_t>(workflow.nodes_.size())).second) continue;
    workflow.nodes_.push_back(std::move(node));
    above_all.push_back(std::move(around));
  }
  for (const std::string& id : outputs) {
    if (const auto node = workflow.Find(id)) workflow.nodes_[*node].output = true;
  }
  return workflow;
}

std::optional<std::uint32_t> Workflow::Find(std::string_view id) const {
  const auto found = by_id_.find(std::string(id));
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

std::vector<bool> Workflow::Needed(const std::vector<bool>& settled) const {
  std::vector<bool> needed(nodes_.size(), false);
  // Inputs stand before those who take them, so one pass from the end sees every node after all that need it.
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    if (nodes_[i].output) needed[i] = true;
    if (settled[i]) needed[i] = false;
    if (!needed[i]) continue;
    for (const std::uint32_t input : nodes_[i].inputs) needed[input] = true;
  }
  return needed;
}

}  // namespace jobs
