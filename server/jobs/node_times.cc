#include "jobs/node_times.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace jobs {
namespace {

double SizeOf(const Workflow::Node& node) {
  return node.size > 0 ? node.size : 1;
}

// By which the evidence is kept, the most telling first; at the `scaled` ones times are divided by sizes.
struct Key {
  std::uint64_t hash;
  NodeTimes::Likeness likeness;
  bool scaled;
};

constexpr std::size_t kKeys = 5;

std::array<Key, kKeys> KeysOf(const Workflow::Node& node) {
  using enum NodeTimes::Likeness;
  // Times of nodes whose size is not known say nothing of those whose size is, nor the other way round.
  const std::uint64_t sized = node.size > 0 ? 8 : 0;
  return {Key{node.kind, kSame, false}, Key{node.sizeless_kind + sized + 1, kSimilar, true},
          Key{node.own_kind + sized + 2, kClass, true}, Key{node.class_kind + sized + 3, kClass, true},
          Key{node.class_kind + 4, kClass, false}};
}

}  // namespace

void NodeTimes::Add(const Workflow::Node& node, bool cold, const NodeRun& run) {
  if (run.state != NodeRun::State::kDone || !run.began || !run.ended || *run.ended < *run.began) return;
  const double total = Seconds(*run.ended - *run.began);
  double each_step = 0;
  double besides = total;
  if (run.steps > 1 && run.step_time && *run.step_time > Duration::zero()) {
    // The steps that it reports need not be those that its inputs say.
    const double stepping = std::min(total, Seconds(*run.step_time) * static_cast<double>(run.steps));
    each_step = stepping / node.steps_at_least_one();
    besides = total - stepping;
  }
  const auto keys = KeysOf(node);
  for (const Key& key : keys) {
    if (total < kShortest && key.hash != keys.back().hash && kinds_.Find(key.hash) == nullptr) continue;
    Kind& kind = kinds_.Touch(key.hash);
    const double size = key.scaled ? SizeOf(node) : 1;
    if (each_step > 0) kind.each_step.Add(each_step / size);
    (cold ? kind.cold : kind.warm).Add(each_step > 0 ? besides : besides / size);
  }
}

std::optional<NodeTimes::Expected> NodeTimes::Expect(const Workflow::Node& node, bool cold) const {
  Expected expected;
  const auto keys = KeysOf(node);
  std::array<const Kind*, kKeys> kinds{};
  for (std::size_t i = 0; i < keys.size(); ++i) kinds[i] = kinds_.Find(keys[i].hash);

  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (kinds[i] == nullptr || kinds[i]->each_step.empty()) continue;
    expected.each_step = kinds[i]->each_step.Median() * (keys[i].scaled ? SizeOf(node) : 1);
    expected.likeness = keys[i].likeness;
    break;
  }
  // Evidence of another temperature is the last resort.
  bool found = false;
  for (const bool other : {false, true}) {
    for (std::size_t i = 0; i < keys.size() && !found; ++i) {
      if (kinds[i] == nullptr) continue;
      const auto& samples = cold != other ? kinds[i]->cold : kinds[i]->warm;
      if (samples.empty()) continue;
      found = true;
      const bool scaled = keys[i].scaled && expected.each_step == 0;
      expected.besides = samples.Median() * (scaled ? SizeOf(node) : 1);
      expected.likeness =
          std::max(expected.likeness, other ? std::max(keys[i].likeness, Likeness::kSimilar) : keys[i].likeness);
      // What was loaded then need not be loaded now, and most of the rest of a node that makes steps is loading.
      if (other && !cold && expected.each_step > 0) expected.besides = 0;
    }
  }
  if (!found) return std::nullopt;
  expected.total = expected.each_step * node.steps_at_least_one() + expected.besides;
  return expected;
}

}  // namespace jobs
