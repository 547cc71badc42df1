#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "jobs/recent_map.h"
#include "jobs/run_state.h"
#include "jobs/samples.h"
#include "jobs/workflow.h"

namespace jobs {

// How long nodes took, by what they are. Times in seconds.
class NodeTimes {
 public:
  static constexpr std::size_t kMaxKinds = 2048;
  static constexpr std::size_t kMaxSamples = 16;  // of one kind
  // A shorter one is remembered by its class only.
  static constexpr double kShortest = 0.02;

  // How like the nodes are that the evidence is of.
  enum class Likeness { kSame, kSimilar, kClass };

  struct Expected {
    double each_step = 0;  // 0: it makes no steps
    double besides = 0;    // what it takes besides its steps, loading of models included
    Likeness likeness = Likeness::kSame;
    double total = 0;
  };

  // A node that ran from its beginning to its end, both heard; others are no evidence. `cold`: see RunPlan.
  void Add(const Workflow::Node& node, bool cold, const NodeRun& run);

  // Nothing without evidence of its class.
  std::optional<Expected> Expect(const Workflow::Node& node, bool cold) const;

  std::size_t size() const { return kinds_.size(); }

 private:
  struct Kind {
    Samples<kMaxSamples> each_step;
    Samples<kMaxSamples> warm;  // besides the steps
    Samples<kMaxSamples> cold;
  };
  RecentMap<Kind, kMaxKinds> kinds_;
};

}  // namespace jobs
