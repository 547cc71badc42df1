#include "jobs/time_remaining.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace jobs {
namespace {

using Likeness = NodeTimes::Likeness;
using State = NodeRun::State;

constexpr double kLongest = 30.0 * 24 * 3600;  // no run is expected to take longer; keeps nonsense in bounds

Duration Span(double seconds) {
  return Duration(std::llround(std::clamp(seconds, 0.0, kLongest) * 1e6));
}

Estimate After(Time now, const Band& left) {
  const double middle = std::clamp(left.middle, 0.0, kLongest);
  return {now + Span(middle), now + Span(std::min(left.low, middle)), now + Span(std::max(left.high, middle))};
}

bool IsHeard(const RunState& run) {
  return run.heard && run.workflow && run.nodes.size() == run.workflow->nodes().size();
}

// How deep in the queue, for those that wait behind `ahead` others.
std::size_t DepthOf(std::size_t ahead) {
  return ahead == 0 ? 0 : ahead < 5 ? 1 : ahead < 20 ? 2 : 3;
}

// What is left of something that is expected to take `total`. What outlasts it goes on the longer, the longer it has
// taken.
double LeftOf(double total, double elapsed) {
  return std::max(total - elapsed, std::max(0.05 * total, 0.2 * elapsed - 0.15 * total));
}

// What an expectation rests on of which so many seconds rest on each: the weakest that matters.
Likeness WeakestOf(const std::array<double, 3>& seconds) {
  constexpr double kMatters = 0.1;  // of the whole
  const double all = seconds[0] + seconds[1] + seconds[2];
  if (seconds[2] > kMatters * all) return Likeness::kClass;
  return seconds[1] + seconds[2] > kMatters * all ? Likeness::kSimilar : Likeness::kSame;
}

// What a node of this run has taken so far, for those of which nothing is known. Nothing before one has ended.
std::optional<double> UsualNode(const RunState& run) {
  std::vector<double> times;
  for (const NodeRun& node : run.nodes) {
    if (node.state == State::kDone && node.began && node.ended && *node.ended >= *node.began) {
      times.push_back(Seconds(*node.ended - *node.began));
    }
  }
  if (times.empty()) return std::nullopt;
  std::ranges::sort(times);
  return QuantileOf(times, 0.5);
}

// What is left of a node that is running. Nothing without evidence.
std::optional<double> LeftOfNode(const Workflow::Node& node, const NodeRun& run,
                                 const std::optional<NodeTimes::Expected>& expected, Time now) {
  const double elapsed = run.began ? std::max(Seconds(now - *run.began), 0.0) : 0;
  const double stepping = expected ? expected->each_step * node.steps_at_least_one() : 0;
  if (run.steps > 0 && (run.step_time || (run.step > 0 && stepping > 0))) {
    const auto steps = static_cast<double>(run.steps);
    const double each = run.step_time ? std::max(Seconds(*run.step_time), 0.0) : stepping / steps;
    const double to_go = std::clamp(steps - static_cast<double>(run.step), 0.0, steps);
    const double since = run.stepped ? std::max(Seconds(now - *run.stepped), 0.0) : 0;
    if (to_go > 0) return std::max(to_go * each - std::min(since, each), 0.0);
    return LeftOf(each, since);
  }
  if (!expected) return std::nullopt;
  return std::max(LeftOf(expected->total, elapsed), stepping);  // it has not made a step yet
}

}  // namespace

TimeRemaining::TimeRemaining() {
  for (std::size_t i = 0; i < whole_.size(); ++i) whole_[i] = TrackRecord(kDoubts[i / 2]);
}

TimeRemaining::Forecast TimeRemaining::ForecastFrom(Evidence evidence, bool loads, double seconds) const {
  const std::size_t record = evidence * 2 + (loads ? 1 : 0);
  return {seconds, record, whole_[record].Around(seconds)};
}

std::optional<TimeRemaining::ByNodes> TimeRemaining::NodeByNode(const Workflow& workflow, const RunPlan& plan) const {
  double total = 0;
  std::array<double, 3> by_likeness{};
  std::size_t needed = 0;
  std::size_t unknown = 0;
  for (std::size_t i = 0; i < plan.needed.size(); ++i) {
    if (!plan.needed[i]) continue;
    ++needed;
    const auto& node = workflow.nodes()[i];
    const auto expected = nodes_.Expect(node, plan.cold[i]);
    if (!expected) {
      if (node.steps > 0) return std::nullopt;  // that will be most of the run
      ++unknown;
      continue;
    }
    total += expected->total;
    by_likeness[static_cast<std::size_t>(expected->likeness)] += expected->total;
  }
  if (unknown * 2 > needed) return std::nullopt;
  if (unknown > 0) return ByNodes{kSomeNodes, total};
  return ByNodes{std::array{kSameNodes, kSimilarNodes, kClassNodes}[static_cast<std::size_t>(WeakestOf(by_likeness))],
                 total};
}

std::optional<TimeRemaining::Forecast> TimeRemaining::MakeForecast(const Workflow& workflow,
                                                                   const RunPlan& plan) const {
  const bool loads = std::ranges::find(plan.cold, true) != plan.cold.end();
  const auto from = [&](Evidence evidence, double seconds) { return ForecastFrom(evidence, loads, seconds); };
  const auto same = shapes_.OfShape(plan);
  if (same && same->runs >= ShapeTimes::kOften) return from(kSameShape, same->time);
  const auto nodes = NodeByNode(workflow, plan);
  if (nodes && nodes->evidence < kSameShapeFew) return from(nodes->evidence, nodes->seconds);
  if (same) return from(kSameShapeFew, same->time);
  if (nodes && nodes->evidence < kScaled) return from(nodes->evidence, nodes->seconds);
  if (const auto time = shapes_.Scaled(plan)) return from(kScaled, *time);
  if (nodes && nodes->evidence < kScaledAnyLoad) return from(nodes->evidence, nodes->seconds);
  if (const auto time = shapes_.ScaledAnyLoad(plan)) return from(kScaledAnyLoad, *time);
  if (nodes) return from(nodes->evidence, nodes->seconds);
  return ForecastAny();
}

std::optional<TimeRemaining::Forecast> TimeRemaining::ForecastAny() const {
  const auto any = shapes_.OfAny();
  if (!any) return std::nullopt;
  return ForecastFrom(kAnyRun, false, *any);
}

const std::optional<TimeRemaining::Forecast>* TimeRemaining::FindForecast(std::uint64_t shape) {
  const auto known = forecasts_.find(shape);
  if (known == forecasts_.end()) return nullptr;
  if (known->second.evidence != evidence_ && may_renew_ > 0) return nullptr;
  known->second.used = calls_;
  return &known->second.forecast;
}

std::optional<TimeRemaining::Forecast> TimeRemaining::ForecastOf(const Workflow& workflow, const RunPlan& plan) {
  if (const auto* known = FindForecast(plan.shape)) return *known;
  if (may_renew_ > 0) --may_renew_;
  Known& known = forecasts_[plan.shape];
  known = {MakeForecast(workflow, plan), evidence_, calls_};
  return known.forecast;
}

std::optional<TimeRemaining::Forecast> TimeRemaining::ForecastWaiting(const std::shared_ptr<const Workflow>& workflow,
                                                                      const std::shared_ptr<const Workflow>& before) {
  if (!workflow) return ForecastAny();
  const auto plan = [&] { return PlanRun(*workflow, (before ? Leftovers(*before) : Leftovers()).Cached(*workflow)); };
  Waiting& waiting = waiting_[{workflow.get(), before.get()}];
  waiting.used = calls_;
  if (waiting.workflow) {
    if (const auto* known = FindForecast(waiting.shape)) return *known;
    return ForecastOf(*workflow, plan());
  }
  const RunPlan fresh = plan();
  waiting = {workflow, before, fresh.shape, calls_};
  return ForecastOf(*workflow, fresh);
}

TimeRemaining::Running& TimeRemaining::RunningOf(const RunState& run) {
  auto found = std::ranges::find_if(
      running_, [&](const Running& r) { return r.workflow == run.workflow && r.began == run.began; });
  if (found == running_.end()) {
    if (running_.size() >= kMaxRunning) running_.erase(std::ranges::min_element(running_, {}, &Running::used));
    running_.push_back({.workflow = run.workflow, .began = run.began});
    found = running_.end() - 1;
  }
  found->used = ++calls_;
  return *found;
}

TrackRecord& TimeRemaining::RecordOf(Likeness likeness, std::size_t stage) {
  return while_running_[static_cast<std::size_t>(likeness) * kStages + stage];
}

std::optional<Band> TimeRemaining::Left(const RunState& run, Time now) {
  if (!run.workflow) return LeftOfWhole(run, ForecastAny(), now);
  Running& running = RunningOf(run);

  const bool heard = IsHeard(run);
  std::vector<bool> cached;
  if (!heard || !run.cached_known) cached = left_.Cached(*run.workflow);
  if (heard) {
    cached.resize(run.nodes.size(), false);
    std::vector<bool> anew(run.nodes.size(), false);  // it runs, or what it takes does
    for (std::size_t i = 0; i < run.nodes.size(); ++i) {
      const State state = run.nodes[i].state;
      anew[i] = state == State::kDone || state == State::kRunning;
      for (const std::uint32_t input : run.workflow->nodes()[i].inputs) anew[i] = anew[i] || anew[input];
      if (anew[i]) cached[i] = false;
      if (state == State::kCached) cached[i] = true;
    }
  }
  if (running.expected.empty() || running.evidence != evidence_ || running.cached != cached) {
    running.plan = PlanRun(*run.workflow, cached);
    running.cached = std::move(cached);
    running.evidence = evidence_;
    running.expected.clear();
    for (std::size_t i = 0; i < run.workflow->nodes().size(); ++i) {
      running.expected.push_back(nodes_.Expect(run.workflow->nodes()[i], running.plan.cold[i]));
    }
    running.forecast = MakeForecast(*run.workflow, running.plan);
  }
  if (heard) {
    if (const auto left = LeftOfHeard(run, running, now)) return left;
  }
  return LeftOfWhole(run, running.forecast, now);
}

std::optional<Band> TimeRemaining::LeftOfHeard(const RunState& run, Running& running, Time now) {
  const auto& nodes = run.workflow->nodes();
  std::vector<bool> behind = running.cached;  // nodes that need not be waited for
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (run.nodes[i].state != State::kWaiting) behind[i] = true;
  }
  const std::vector<bool> ahead = run.workflow->Needed(behind);

  double current = 0;  // several run at once only where they wait for something else than the GPU
  double waiting = 0;
  std::array<double, 3> by_likeness{};
  const std::optional<double> guess = UsualNode(run);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const NodeRun& node_run = run.nodes[i];
    const bool runs = node_run.state == State::kRunning;
    if (!runs && !ahead[i]) continue;
    std::optional<NodeTimes::Expected> expected = running.expected[i];
    if (!expected && guess && nodes[i].steps == 0) {
      expected = {.besides = *guess, .likeness = Likeness::kClass, .total = *guess};
    }
    const auto left = runs       ? LeftOfNode(nodes[i], node_run, expected, now)
                      : expected ? std::optional(expected->total)
                                 : std::nullopt;
    if (!left) return std::nullopt;
    const bool own_pace = runs && node_run.steps > 0 && node_run.step_time;
    by_likeness[own_pace ? 0 : static_cast<std::size_t>(expected->likeness)] += *left;
    if (runs) {
      current = std::max(current, *left);
    } else {
      waiting += *left;
    }
  }

  const double left = current + waiting;
  const Likeness likeness = WeakestOf(by_likeness);
  const double elapsed = run.began ? std::max(Seconds(now - *run.began), 0.0) : 0;
  const double share = left + elapsed > 0 ? left / (left + elapsed) : 0;
  const auto stage = std::min(static_cast<std::size_t>(share * kStages), kStages - 1);
  if (!running.said[stage]) running.said[stage] = {now, likeness, left};
  return RecordOf(likeness, stage).Around(left);
}

std::optional<Band> TimeRemaining::LeftOfWhole(const RunState& run, const std::optional<Forecast>& forecast,
                                               Time now) const {
  if (!forecast || !run.began) return std::nullopt;
  const double elapsed = std::max(Seconds(now - *run.began), 0.0);
  const Band whole = whole_[forecast->record].Around(forecast->seconds, elapsed);
  return Band{whole.low - elapsed, whole.middle - elapsed, whole.high - elapsed};
}

std::optional<Estimate> TimeRemaining::EndOfRunning(const RunState& run, Time now) {
  const auto left = Left(run, now);
  if (!left) return std::nullopt;
  return After(now, *left);
}

std::vector<std::optional<Estimate>> TimeRemaining::EndsOfQueue(
    std::span<const RunState* const> running, std::span<const std::shared_ptr<const Workflow>> pending, Time now) {
  std::vector<std::optional<Estimate>> ends(pending.size());
  ++calls_;

  // Each running job is a lane that takes the next waiting one when it ends.
  struct Lane {
    double end = 0;
    double low = 0;  // how much earlier it may be, squared
    double high = 0;
    double low_sum = 0;  // the same, not squared
    double high_sum = 0;
  };
  std::vector<Lane> lanes;
  bool known = true;
  for (const RunState* run : running) {
    const auto left = run != nullptr ? Left(*run, now) : std::nullopt;
    known = known && left;
    if (!left) continue;
    const double low = left->middle - left->low;
    const double high = left->high - left->middle;
    lanes.push_back({left->middle, low * low, high * high, low, high});
  }
  if (lanes.empty()) lanes.push_back({});

  const std::uint64_t call = ++calls_;
  may_renew_ = kMaxRenewed;
  std::shared_ptr<const Workflow> before =
      running.empty() || running.back() == nullptr ? nullptr : running.back()->workflow;
  for (std::size_t i = 0; i < pending.size() && i < kMaxPending && known; ++i) {
    std::optional<Forecast> forecast;
    if (i == 0 && running.empty() && pending[0]) {
      forecast = ForecastOf(*pending[0], PlanRun(*pending[0], left_.Cached(*pending[0])));
    } else {
      forecast = ForecastWaiting(pending[i], before);
    }
    before = pending[i];
    known = forecast.has_value();
    if (!known) break;

    Lane& lane = *std::ranges::min_element(lanes, {}, &Lane::end);
    const double low = forecast->band.middle - forecast->band.low;
    const double high = forecast->band.high - forecast->band.middle;
    lane.low += low * low;
    lane.high += high * high;
    lane.low_sum += low;
    lane.high_sum += high;
    // Independent errors add up with the square root of their number. They are not quite independent: when the GPU is
    // slow today, it is so for all.
    constexpr double kCommon = 0.8;
    const auto together = [](double squared, double sum) {
      return std::sqrt((1 - kCommon) * squared + kCommon * sum * sum);
    };
    const double end = lane.end + forecast->band.middle;
    const Band band = {end - together(lane.low, lane.low_sum), end, end + together(lane.high, lane.high_sum)};
    const std::size_t depth = DepthOf(i / lanes.size());
    ends[i] = After(now, while_waiting_[depth].Fit(band));
    auto& promise = promises_[depth];
    if (pending[i] && (!promise || promise->workflow.expired() || now > promise->at + Span(3 * promise->said.high))) {
      promise = {pending[i], now, band};
    }
    // For the jobs behind it, the mean counts, which is beyond the median when it may take much longer (Swanson's
    // rule).
    lane.end += 0.3 * forecast->band.low + 0.4 * forecast->band.middle + 0.3 * forecast->band.high;
  }
  std::erase_if(waiting_, [&](const auto& entry) { return entry.second.used < call; });
  std::erase_if(forecasts_, [&](const auto& entry) { return entry.second.used < call; });
  return ends;
}

void TimeRemaining::LearnFrom(const RunState& run, const RunPlan& plan) {
  for (std::size_t i = 0; i < run.nodes.size(); ++i) {
    nodes_.Add(run.workflow->nodes()[i], plan.cold[i], run.nodes[i]);
  }
}

void TimeRemaining::Ended(const RunState& run, Time end, bool completed) {
  std::optional<double> time;
  if (completed && run.began && end >= *run.began) time = Seconds(end - *run.began);
  const auto is_it = [&](const Running& r) { return r.workflow == run.workflow && r.began == run.began; };
  if (const auto said = std::ranges::find_if(running_, is_it); said != running_.end()) {
    if (time) {
      for (std::size_t stage = 0; stage < kStages; ++stage) {
        if (const auto& s = said->said[stage]) RecordOf(s->likeness, stage).Add(s->seconds, Seconds(end - s->at));
      }
    }
    running_.erase(said);
  }
  for (std::size_t depth = 0; depth < kDepths; ++depth) {
    auto& promise = promises_[depth];
    if (!promise || !run.workflow || promise->workflow.lock() != run.workflow) continue;
    if (time) while_waiting_[depth].Add(promise->said, Seconds(end - promise->at));
    promise.reset();
  }

  if (run.workflow) {
    // What would have been said while it waited.
    std::vector<bool> cached = left_.Cached(*run.workflow);
    RunPlan plan = PlanRun(*run.workflow, cached);
    if (time) {
      if (const auto said = MakeForecast(*run.workflow, plan)) whole_[said->record].Add(said->seconds, *time);
    }
    if (IsHeard(run)) {
      for (std::size_t i = 0; i < cached.size(); ++i) {
        const State state = run.nodes[i].state;
        if (state == State::kCached) cached[i] = true;
        if (run.cached_known || state == State::kDone || state == State::kRunning) cached[i] = state == State::kCached;
      }
      plan = PlanRun(*run.workflow, cached);
      LearnFrom(run, plan);
    }
    if (time) shapes_.Add(plan, *time);
  } else if (time) {
    if (const auto any = ForecastAny()) whole_[any->record].Add(any->seconds, *time);
    shapes_.AddUnknown(*time);
  }
  left_ = Leftovers(run, completed);
  ++evidence_;
}

void TimeRemaining::Restarted() {
  promises_ = {};
  left_ = Leftovers();
  running_.clear();
}

TimeRemaining::Memory TimeRemaining::memory() const {
  return {nodes_.size(), shapes_.size(), waiting_.size(), forecasts_.size(), running_.size()};
}

}  // namespace jobs
