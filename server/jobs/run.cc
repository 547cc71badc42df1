#include "jobs/run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace jobs {
namespace {

constexpr std::size_t kStepsRemembered = 9;  // to take the median of
constexpr std::size_t kMaxParts = 1'000;     // of one expanded node that are told apart

std::int64_t Whole(double number) {
  constexpr double kMax = 1e15;
  return std::isfinite(number) ? std::llround(std::clamp(number, -kMax, kMax)) : 0;
}

Duration Median(const std::deque<Duration>& durations) {
  std::vector<Duration> sorted(durations.begin(), durations.end());
  const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), middle, sorted.end());
  return *middle;
}

// progress_state begins every node with 0.0 of 1.0, before the node has said anything.
bool ReportsSteps(double max) {
  return std::isfinite(max) && max > 1;
}

double Fraction(double value, double max) {
  const double fraction = max > 0 ? value / max : 0;
  return std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0;
}

// What an event takes in memory, about.
std::size_t Bytes(const RunEvent& event) {
  std::size_t bytes = sizeof(event);
  if (const auto* cached = std::get_if<RunEvent::Cached>(&event.what)) {
    for (const std::string& node : cached->nodes) bytes += sizeof(node) + node.size();
  } else if (const auto* executing = std::get_if<RunEvent::Executing>(&event.what)) {
    bytes += executing->node.size() + executing->display_node.size();
  } else if (const auto* step = std::get_if<RunEvent::Step>(&event.what)) {
    bytes += step->node.value_or("").size();
  } else if (const auto* states = std::get_if<RunEvent::NodeStates>(&event.what)) {
    for (const auto& node : states->nodes) bytes += sizeof(node) + node.node.size() + node.display_node.size();
  }
  return bytes;
}

}  // namespace

void Run::SetWorkflow(std::shared_ptr<const Workflow> workflow) {
  if (state_.workflow || !workflow) return;
  state_.workflow = std::move(workflow);
  state_.nodes.resize(state_.workflow->nodes().size());
  Measure();
  unplaced_bytes_ = 0;
  for (const RunEvent& event : std::exchange(unplaced_, {})) Hear(event);
}

void Run::SetBegan(Time now) {
  if (!state_.began) state_.began = now;
}

void Run::Hear(const RunEvent& event) {
  channel_ = std::max(channel_, event.channel);
  begun_ = begun_ || !std::holds_alternative<RunEvent::Over>(event.what);
  if (!state_.workflow && !std::holds_alternative<RunEvent::Began>(event.what)) return Keep(event);
  std::visit([&](const auto& what) { On(what, event); }, event.what);
  if (!state_.workflow) return;
  // Once all is taken in that the event says of other nodes.
  for (const Index index : std::exchange(supplied_, {})) SkipAbove(index);
  Measure();
}

// What the nodes said earlier matters less than what they say now, but for the cache, which is told once.
void Run::Keep(const RunEvent& event) {
  const bool cache_first = !unplaced_.empty() && std::holds_alternative<RunEvent::Cached>(unplaced_.front().what);
  const std::size_t oldest = cache_first ? 1 : 0;
  unplaced_bytes_ += Bytes(event);
  while (unplaced_.size() > oldest && (unplaced_.size() >= kMaxUnplaced || unplaced_bytes_ > kMaxUnplacedBytes)) {
    const auto dropped = unplaced_.begin() + static_cast<std::ptrdiff_t>(oldest);
    unplaced_bytes_ -= Bytes(*dropped);
    unplaced_.erase(dropped);
  }
  unplaced_.push_back(event);
}

void Run::On(const RunEvent::Began& began, const RunEvent& event) {
  if (event.channel == RunEvent::Channel::kSeat) owner_only_ = true;
  if (began.timestamp) start_time_ = began.timestamp;
  if (!event.replayed) {
    from_the_start_ = true;
    state_.began = event.heard_at;
  } else if (!state_.began && began.timestamp && *began.timestamp < event.heard_at) {
    state_.began = began.timestamp;  // by ComfyUI's clock; nothing better is to be had
  }
}

void Run::On(const RunEvent::Cached& cached, const RunEvent&) {
  state_.cached_known = true;
  state_.heard = true;
  for (const std::string& id : cached.nodes) {
    const auto index = state_.workflow->Find(id);
    if (index && state_.nodes[*index].state == NodeRun::State::kWaiting) {
      state_.nodes[*index].state = NodeRun::State::kCached;
    }
  }
}

void Run::On(const RunEvent::Executing& executing, const RunEvent& event) {
  if (event.channel == RunEvent::Channel::kSeat) owner_only_ = true;
  const auto place = Find(executing.node, executing.display_node);
  if (!place) return;
  TakeOver(place->index, event.heard_at);
  Start(place->index, event.replayed ? std::nullopt : std::optional(event.heard_at));
  if (place->part) Advance(*place, executing.node, 0, 0, event.heard_at);
}

void Run::On(const RunEvent::Step& step, const RunEvent& event) {
  const auto place = step.node    ? Find(*step.node, "")
                     : executing_ ? std::optional(Place{*executing_, false})
                                  : std::nullopt;
  if (!place) return;
  TakeOver(place->index, event.heard_at);  // that it executes may have been missed
  Start(place->index, std::nullopt);       // unless its beginning was heard
  Advance(*place, step.node.value_or(""), step.value, step.max, event.heard_at);
}

void Run::On(const RunEvent::NodeStates& states, const RunEvent& event) {
  // A node that has made steps when it is first heard of began at some time before. So may have any that is first heard
  // of together with the ends of others.
  const bool joined_late = !std::exchange(states_heard_, true) && !from_the_start_ &&
                           std::ranges::any_of(states.nodes, &RunEvent::NodeState::finished);
  const auto began = [&](const RunEvent::NodeState& told) {
    return joined_late || told.value > 0 ? std::nullopt : std::optional(event.heard_at);
  };
  std::vector<Index> never_ran;
  std::vector<bool> told_now(state_.nodes.size(), false);  // of never_ran
  for (const RunEvent::NodeState& told : states.nodes) {
    const auto place = Find(told.node, told.display_node);
    if (!place) continue;
    const NodeRun& node = state_.nodes[place->index];
    if (place->part) {
      if (node.state == NodeRun::State::kDone || told_now[place->index]) continue;
      Start(place->index, began(told));
      const double max = told.finished ? 1 : told.max;
      Advance(*place, told.node, told.finished ? max : told.value, max, event.heard_at);
    } else if (!told.finished) {
      Start(place->index, began(told));
      Advance(*place, told.node, told.value, told.max, event.heard_at);
    } else if (node.state == NodeRun::State::kWaiting) {
      never_ran.push_back(place->index);
      told_now[place->index] = true;
    } else {
      Finish(place->index, event.heard_at);
    }
  }
  // Of the nodes in the cache the outputs are told, as finished from the start; all others are not.
  for (const Index index : never_ran) {
    const Workflow::Node& node = state_.workflow->nodes()[index];
    const auto untouched = [&](Index input) {
      const NodeRun::State state = state_.nodes[input].state;
      return (state == NodeRun::State::kWaiting || state == NodeRun::State::kCached) && !told_now[input];
    };
    const bool cached = node.output && !node.inputs.empty() && std::ranges::all_of(node.inputs, untouched);
    if (cached) state_.nodes[index].state = NodeRun::State::kCached;
    Finish(index, event.heard_at);
    if (cached) supplied_.push_back(index);
  }
}

void Run::On(const RunEvent::Over& over, const RunEvent& event) {
  if (!over.failed && !states_heard_ && executing_) Finish(*executing_, event.heard_at);
  executing_.reset();
  for (NodeRun& node : state_.nodes) {  // of a run that failed, or whose last words were missed
    if (node.state == NodeRun::State::kRunning) node.state = NodeRun::State::kWaiting;
  }
}

// A part carries its node's id before the first dots: GraphBuilder (comfy_execution/graph_utils.py) makes ids like
// "5.0.0.1". An id may have dots of its own, so the longest that fits is taken.
std::optional<Run::Place> Run::Find(std::string_view node, std::string_view display_node) const {
  const Workflow& workflow = *state_.workflow;
  if (const auto index = workflow.Find(node)) return Place{*index, false};
  if (!display_node.empty()) {
    if (const auto index = workflow.Find(display_node)) return Place{*index, true};
  }
  for (std::size_t dot = node.rfind('.', Workflow::kMaxNameBytes); dot != std::string_view::npos && dot > 0;
       dot = node.rfind('.', dot - 1)) {
    if (const auto index = workflow.Find(node.substr(0, dot))) return Place{*index, true};
  }
  return std::nullopt;
}

bool Run::Feeds(Index upstream, Index node) const {
  const auto& nodes = state_.workflow->nodes();
  std::vector<bool> seen(nodes.size(), false);
  std::vector<Index> open = {node};
  while (!open.empty()) {
    const Index at = open.back();
    open.pop_back();
    for (const Index input : nodes[at].inputs) {
      if (input == upstream) return true;
      if (!seen[input]) open.push_back(input);
      seen[input] = true;
    }
  }
  return false;
}

// Without progress_state the end of a node is not told; that another runs says it, unless the first asked for the
// other: a node with lazy inputs is begun, waits for them, and is begun again.
void Run::TakeOver(Index index, Time at) {
  if (!states_heard_ && executing_ && *executing_ != index) {
    if (Feeds(index, *executing_)) {
      state_.nodes[*executing_].state = NodeRun::State::kWaiting;
    } else {
      Finish(*executing_, at);
    }
  }
  executing_ = index;
}

void Run::Start(Index index, std::optional<Time> at) {
  NodeRun& node = state_.nodes[index];
  state_.heard = true;
  // Once done a node stays so: what says otherwise is late. (A loop makes new parts, with ids of their own.)
  if (node.state == NodeRun::State::kRunning || node.state == NodeRun::State::kDone) return;
  node.state = NodeRun::State::kRunning;
  if (!node.began) node.began = at;
}

void Run::Advance(const Place& place, std::string_view part, double value, double max, Time at) {
  NodeRun& node = state_.nodes[place.index];
  if (node.state != NodeRun::State::kRunning) return;
  const bool steps = ReportsSteps(max);
  if (place.part) {
    Parts& parts = parts_[place.index];
    const double fraction = Fraction(value, max);
    const std::size_t key = std::hash<std::string_view>()(part);
    if (parts.fractions.contains(key) || parts.fractions.size() < kMaxParts) {
      double& known = parts.fractions[key];
      parts.done += std::max(0.0, fraction - known);
      known = std::max(known, fraction);
    }
    // How many parts there will be is not told. So much is done, and at least one more may come.
    node.fraction = std::max(node.fraction, parts.done / (static_cast<double>(parts.fractions.size()) + 1));
  } else if (steps) {
    node.fraction = std::max(node.fraction, Fraction(value, max));
  }
  if (!steps) return;
  const std::int64_t step = std::clamp<std::int64_t>(Whole(value), 0, Whole(max));
  if (step > 0 && !place.part) supplied_.push_back(place.index);
  const std::int64_t made = step - node.step;
  const bool same_count = node.steps == Whole(max);
  if (node.stepped && same_count && made > 0 && at >= *node.stepped) {
    auto& times = step_times_[place.index];
    times.push_back((at - *node.stepped) / made);
    if (times.size() > kStepsRemembered) times.pop_front();
    node.step_time = Median(times);
  }
  if (!same_count || made != 0) node.stepped = at;
  node.step = step;
  node.steps = Whole(max);
}

void Run::Finish(Index index, Time at) {
  NodeRun& node = state_.nodes[index];
  state_.heard = true;
  if (node.state == NodeRun::State::kDone || node.state == NodeRun::State::kCached) return;
  if (node.state == NodeRun::State::kRunning) node.ended = at;
  node.state = NodeRun::State::kDone;
  node.fraction = 1;
  if (node.steps > 0) node.step = node.steps;
  step_times_.erase(index);
  parts_.erase(index);
  supplied_.push_back(index);
}

// What a node has been given, and nothing was heard of, was in the cache; or it ran before its run was listened to. (Or
// a lazy node has left it out: where all was heard, that is what it means.)
void Run::SkipAbove(Index index) {
  if (state_.cached_known && (states_heard_ || from_the_start_)) return;
  std::vector<Index> open = {index};
  while (!open.empty()) {
    const Index at = open.back();
    open.pop_back();
    for (const Index input : state_.workflow->nodes()[at].inputs) {
      if (state_.nodes[input].state != NodeRun::State::kWaiting) continue;
      state_.nodes[input].state = state_.cached_known ? NodeRun::State::kDone : NodeRun::State::kCached;
      state_.nodes[input].fraction = 1;
      open.push_back(input);
    }
  }
}

void Run::Measure() {
  // A node that is done needs nothing more: not what it left out of its lazy inputs.
  std::vector<bool> settled(state_.nodes.size());
  for (std::size_t i = 0; i < settled.size(); ++i) {
    const NodeRun::State state = state_.nodes[i].state;
    settled[i] = state == NodeRun::State::kCached || state == NodeRun::State::kDone;
  }
  needed_ = state_.workflow->Needed(settled);
  double done = 0;
  int total = 0;
  for (std::size_t i = 0; i < needed_.size(); ++i) {
    const NodeRun& node = state_.nodes[i];
    const bool touched = node.state == NodeRun::State::kRunning || node.state == NodeRun::State::kDone;
    needed_[i] = needed_[i] || touched;
    if (!needed_[i]) continue;
    ++total;
    if (touched) done += node.fraction;
  }
  if (total > 0) percentage_ = std::max(percentage_, 100 * done / total);
}

std::optional<Progress> Run::progress() const {
  if (!state_.workflow || !state_.heard) return std::nullopt;
  Progress progress{.percentage = percentage_};
  // Of a node that nothing was heard of it is known where every node is told of; else it may have run as well.
  const bool tells_cached = state_.cached_known || states_heard_;
  // Of several at once: one that counts its steps, and of those the first, so that it stays the same. A node with lazy
  // inputs stands behind the one that it waits for.
  std::optional<std::size_t> current;
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    const NodeRun& node = state_.nodes[i];
    progress.total_nodes += needed_[i];
    progress.completed_nodes += node.state == NodeRun::State::kDone;
    progress.cached_nodes += tells_cached && node.state == NodeRun::State::kCached;
    if (node.state != NodeRun::State::kRunning) continue;
    if (!current || (state_.nodes[*current].steps == 0 && node.steps > 0)) current = i;
  }
  if (progress.total_nodes == 0) return std::nullopt;
  if (current) {
    const Workflow::Node& node = state_.workflow->nodes()[*current];
    progress.current_node =
        NodeProgress{node.id, node.class_type, state_.nodes[*current].step, state_.nodes[*current].steps};
  }
  const bool owned = submitter_ == Submitter::kService || (submitter_ == Submitter::kUnknown && owner_only_);
  switch (channel_) {
    case RunEvent::Channel::kSeat:
      progress.source = owned ? ProgressSource::kOwned : ProgressSource::kBroadcast;
      break;
    case RunEvent::Channel::kAttached:
      progress.source = ProgressSource::kAttached;
      break;
    case RunEvent::Channel::kMirror:
      progress.source = ProgressSource::kCompanion;
      break;
  }
  return progress;
}

}  // namespace jobs
