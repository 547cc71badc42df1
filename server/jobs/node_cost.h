#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "jobs/workflow.h"

// What the inputs of a node say about how much work it is.
namespace jobs {

// The values that a node is given, by the name of the input; as text (see WorkflowNodeSource).
using NodeValues = std::vector<std::pair<std::string_view, std::string_view>>;

// What a node hands down to those below it: what drives their cost, too. Sets, so that it does not matter how the nodes
// are wired up.
struct CostAbove {
  static constexpr std::size_t kMaxFacts = 16;  // of each; those with the largest hashes are left out

  std::vector<std::uint64_t> models;  // hashes
  std::vector<std::uint64_t> sizes;   // hashes
  double pixels = 0;                  // of a picture; 0: not known
  double pictures = 0;                // 0: not known

  void Add(const CostAbove& other);
};

// Fills in what is known of the cost of `node`, whose class and, if they come from above, steps are set. `above`: of
// all its inputs together; made to be that of the node.
void SetCost(Workflow::Node& node, const NodeValues& values, CostAbove& above);

}  // namespace jobs
