#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jobs/job.h"
#include "jobs/node_times.h"
#include "jobs/run_plan.h"
#include "jobs/run_state.h"
#include "jobs/shape_times.h"
#include "jobs/time.h"
#include "jobs/track_record.h"
#include "jobs/workflow.h"

namespace jobs {

// When the jobs of one backend will end, from evidence only: the running job's own pace, and how long earlier runs and
// their nodes took. Bounded memory; no clock; not thread-safe.
//
// There are several kinds of evidence, from the times of the same nodes down to the times of any runs. Each has a
// record of how far off it was, which makes the band and decides between those that are equally close to the run.
class TimeRemaining {
 public:
  TimeRemaining();

  static constexpr std::size_t kMaxPending = 10'000;  // of a longer queue, the jobs behind have no estimate
  // Forecasts of waiting jobs that are made anew in one call when there is new evidence. The others follow in the next
  // calls, as the caller may hold a lock.
  static constexpr std::size_t kMaxRenewed = 100;
  static constexpr std::size_t kMaxRunning = 8;  // runs whose forecasts are compared with what came

  // A run has left the queue at `end`. `completed`: with success; a failed or interrupted run is evidence for the nodes
  // that it finished, and for what ComfyUI has in its cache now, but not for how long such a run takes.
  void Ended(const RunState& run, Time end, bool completed);

  // ComfyUI restarted: its cache is empty and no model is loaded.
  void Restarted();

  // When the run that is executing ends; nothing without evidence.
  std::optional<Estimate> EndOfRunning(const RunState& run, Time now);

  // When each of the waiting jobs ends, in the order of execution, behind the running ones (more than one only on
  // forks of ComfyUI). A null workflow: not known.
  std::vector<std::optional<Estimate>> EndsOfQueue(std::span<const RunState* const> running,
                                                   std::span<const std::shared_ptr<const Workflow>> pending, Time now);

  // How many things are remembered at present.
  struct Memory {
    std::size_t kinds = 0;
    std::size_t shapes = 0;
    std::size_t plans = 0;
    std::size_t forecasts = 0;
    std::size_t running = 0;
  };
  Memory memory() const;

 private:
  // What a forecast for a whole run rests on.
  enum Evidence : std::size_t {
    kSameNodes,      // node by node, of the same kinds
    kSimilarNodes,   // node by node, of other sizes
    kClassNodes,     // node by node, of the same classes
    kSomeNodes,      // node by node, and nothing is known of some
    kSameShape,      // runs that had the same to do
    kSameShapeFew,   //
    kScaled,         // runs with other steps and sizes
    kScaledAnyLoad,  // runs with other steps and sizes, and other models to load
    kAnyRun,
    kEvidences
  };
  static constexpr std::array<double, kEvidences> kDoubts = {0.1, 0.3, 0.6, 0.9, 0.12, 0.2, 0.35, 0.5, 0.8};
  // The lowest is believed; among equals, the one that was least far off.
  static constexpr std::array<int, kEvidences> kRanks = {0, 1, 2, 3, 0, 0, 1, 2, 4};
  struct Forecast {
    double seconds = 0;
    std::size_t record = 0;  // of whole_
    Band band;               // as the record makes it
  };

  struct Known {
    std::optional<Forecast> forecast;
    std::uint64_t evidence = 0;  // that it rests on
    std::uint64_t used = 0;      // in which call
  };

  // The shape of a run that waits.
  struct Waiting {
    std::shared_ptr<const Workflow> workflow;
    std::shared_ptr<const Workflow> before;  // runs directly before it; null: not known
    std::uint64_t shape = 0;
    std::uint64_t used = 0;  // in which call
  };
  using Neighbours = std::pair<const Workflow*, const Workflow*>;
  struct HashNeighbours {
    std::size_t operator()(const Neighbours& pair) const {
      return std::hash<const void*>()(pair.first) * 31 + std::hash<const void*>()(pair.second);
    }
  };

  // What was said of a run while it ran, to be compared with what comes; and what it has to do.
  static constexpr std::size_t kStages = 4;  // by the share of the run that is still to come
  struct Running {
    std::shared_ptr<const Workflow> workflow;
    std::optional<Time> began;
    std::uint64_t used = 0;
    std::vector<bool> cached;
    RunPlan plan;
    std::uint64_t evidence = 0;  // that these rest on:
    std::vector<std::optional<NodeTimes::Expected>> expected;
    std::optional<Forecast> forecast;
    struct Said {
      Time at;
      NodeTimes::Likeness likeness;
      double seconds;
    };
    std::array<std::optional<Said>, kStages> said;
  };

  // What was said of a job that waited. One at a time for each depth of the queue: what comes of those that wait
  // together is not independent.
  static constexpr std::size_t kDepths = 4;
  struct Promise {
    std::weak_ptr<const Workflow> workflow;
    Time at;
    Band said;
  };

  std::vector<Forecast> Forecasts(const Workflow& workflow, const RunPlan& plan) const;
  Forecast ForecastFrom(Evidence evidence, bool loads, double seconds) const;
  std::optional<Forecast> Best(const std::vector<Forecast>& forecasts) const;
  std::optional<Forecast> ForecastAny() const;
  std::optional<Forecast> ForecastWaiting(const std::shared_ptr<const Workflow>& workflow,
                                          const std::shared_ptr<const Workflow>& before);
  std::optional<Forecast> ForecastOf(const Workflow& workflow, const RunPlan& plan);
  const std::optional<Forecast>* FindForecast(std::uint64_t shape);  // null: to be made (anew)
  std::optional<Band> Left(const RunState& run, Time now);
  std::optional<Band> LeftOfHeard(const RunState& run, Running& running, Time now);
  std::optional<Band> LeftOfWhole(const RunState& run, const std::optional<Forecast>& forecast, Time now) const;
  Running& RunningOf(const RunState& run);
  TrackRecord& RecordOf(NodeTimes::Likeness likeness, std::size_t stage);
  void LearnFrom(const RunState& run, const RunPlan& plan);

  NodeTimes nodes_;
  ShapeTimes shapes_;
  // By evidence; runs that load models apart, as they vary more. `trials_`: of all forecasts that were possible, to
  // choose by. `whole_`: of those that were chosen, for the band; as one is chosen where the better ones have no
  // answer, it is less often right then.
  std::array<TrackRecord, 2 * kEvidences> trials_;
  std::array<TrackRecord, 2 * kEvidences> whole_;
  std::array<TrackRecord, 3 * kStages> while_running_ = {
      TrackRecord(0.3), TrackRecord(0.2), TrackRecord(0.15), TrackRecord(0.1),   // kSame, from the last quarter on
      TrackRecord(0.4), TrackRecord(0.3), TrackRecord(0.3),  TrackRecord(0.3),   // kSimilar
      TrackRecord(0.7), TrackRecord(0.6), TrackRecord(0.6),  TrackRecord(0.6)};  // kClass
  std::array<BandRecord, kDepths> while_waiting_;
  std::array<std::optional<Promise>, kDepths> promises_;
  Leftovers left_;
  std::vector<Running> running_;
  std::unordered_map<Neighbours, Waiting, HashNeighbours> waiting_;
  std::unordered_map<std::uint64_t, Known> forecasts_;  // by shape
  std::size_t may_renew_ = 0;
  std::uint64_t evidence_ = 1;  // grows with each change of it
  std::uint64_t calls_ = 0;
};

}  // namespace jobs
