#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace jobs {

// One node of a prompt graph as it stands in ComfyUI's JSON.
struct WorkflowNodeSource {
  struct Literal {
    std::string name;  // of the input
    std::string text;  // its value, in any form that is equal for equal values
  };
  std::string id;
  std::string class_type;
  std::vector<Literal> literals;
  struct Link {
    std::string name;  // of the input
    std::string from;  // node id
    std::string slot;  // which of its results, as text
  };
  std::vector<Link> links;
};

// A prompt graph, reduced to what progress and time remaining need: which node takes whose results, and which nodes are
// alike. Immutable, to be shared by all who hold the job.
class Workflow {
 public:
  struct Node {
    std::string id;
    std::string class_type;
    std::vector<std::uint32_t> inputs;  // the nodes whose results it takes; each once, ascending
    bool output = false;                // one of the nodes the run was asked for
    // Equal: same class and same inputs, all the way up. ComfyUI's cache takes the result of one for the other's.
    std::uint64_t signature = 0;
    // Equal, and as many steps: about the same work. Of the inputs only those count that drive the cost: models,
    // samplers and sizes, its own and those above; not how they are wired up to it. Seeds, texts and LoRAs above do not
    // count.
    std::uint64_t kind = 0;
    // As the kind, but without sizes and counts: the work grows with `size`.
    std::uint64_t sizeless_kind = 0;
    // As the kind, but without what stands above the node.
    std::uint64_t own_kind = 0;
    std::uint64_t class_kind = 0;  // equal: the same class
    std::int64_t steps = 0;        // how many it makes, by its inputs; 0: they say nothing of steps
    double size = 0;     // pixels × pictures that it works on, by the inputs above; 0: they say nothing of it
    bool loads = false;  // names a model that it loads

    double steps_at_least_one() const { return steps > 0 ? static_cast<double>(steps) : 1; }
  };

  static constexpr std::size_t kMaxNodes = 10'000;
  static constexpr std::size_t kMaxNameBytes = 1024;  // of an id or class; they are told to callers

  // `outputs`: ids of the nodes to be run (element 4 of a queue item); unknown ids are left out. Nothing when there are
  // too many nodes, or one with too long a name.
  static std::optional<Workflow> Build(const std::vector<WorkflowNodeSource>& sources,
                                       const std::vector<std::string>& outputs);

  // In an order of execution: each behind its inputs (those of a cycle last; ComfyUI fails such a run).
  const std::vector<Node>& nodes() const { return nodes_; }

  std::optional<std::uint32_t> Find(std::string_view id) const;

  // For each node, whether a run has to execute it for which those `settled` are there, found in the cache or done: the
  // outputs and what they need, as far as it is not settled.
  std::vector<bool> Needed(const std::vector<bool>& settled) const;

 private:
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::uint32_t> by_id_;
};

}  // namespace jobs
