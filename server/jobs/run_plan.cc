#include "jobs/run_plan.h"

#include <algorithm>

namespace jobs {
namespace {

// Spreads the bits, so that sums of hashes are hashes of sets (splitmix64).
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

}  // namespace

Leftovers::Leftovers(const Workflow& workflow) {
  for (const auto& node : workflow.nodes()) signatures_.push_back(node.signature);
  std::ranges::sort(signatures_);
}

Leftovers::Leftovers(const RunState& run, bool completed) {
  if (!run.workflow) return;
  const auto& nodes = run.workflow->nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    bool left = completed || nodes[i].inputs.empty();
    if (!completed && run.heard && i < run.nodes.size()) {
      left = run.nodes[i].state == NodeRun::State::kDone || run.nodes[i].state == NodeRun::State::kCached;
    }
    if (left) signatures_.push_back(nodes[i].signature);
  }
  std::ranges::sort(signatures_);
}

std::vector<bool> Leftovers::Cached(const Workflow& workflow) const {
  std::vector<bool> cached(workflow.nodes().size(), false);
  if (signatures_.empty()) return cached;
  for (std::size_t i = 0; i < cached.size(); ++i) {
    cached[i] = std::ranges::binary_search(signatures_, workflow.nodes()[i].signature);
  }
  return cached;
}

RunPlan PlanRun(const Workflow& workflow, const std::vector<bool>& cached) {
  const auto& nodes = workflow.nodes();
  RunPlan plan;
  plan.needed = workflow.Needed(cached);
  plan.cold.resize(nodes.size(), false);
  double size = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!plan.needed[i]) continue;
    const Workflow::Node& node = nodes[i];
    bool cold = node.loads;
    for (const std::uint32_t input : node.inputs) cold = cold || plan.cold[input];
    plan.cold[i] = cold;
    plan.shape += Mix(node.kind + Mix(static_cast<std::uint64_t>(node.steps) * 2 + (cold ? 1 : 0)));
    const bool costs = node.steps > 0 || node.size > 0 || node.output;
    if (costs || node.loads) plan.scalable_shape += Mix(node.sizeless_kind + (cold ? 1 : 0));
    if (costs) plan.cost_shape += Mix(node.sizeless_kind);
    const double pictures = std::max(node.size, 1.0);
    plan.work += static_cast<double>(node.steps) * pictures;
    size += node.size;
  }
  if (plan.work == 0) plan.work = size;
  return plan;
}

}  // namespace jobs
