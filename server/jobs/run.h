#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "jobs/job.h"
#include "jobs/run_event.h"
#include "jobs/run_state.h"
#include "jobs/submitter.h"

namespace jobs {

// One run of a job, put together from what is heard of it. Events may be missing, come twice, or come before the
// workflow is known. Not thread-safe.
class Run {
 public:
  // The workflow may become known late; what was heard before is then understood. Null (not known yet), or given a
  // second time, it is ignored.
  void SetWorkflow(std::shared_ptr<const Workflow> workflow);
  void SetSubmitter(Submitter submitter) { submitter_ = submitter; }
  // Seen to begin at `now`, by the queue. What the run itself said of it stands.
  void SetBegan(Time now);

  void Hear(const RunEvent& event);

  // How far it is; its percentage never falls. Nothing while the workflow is not known, nothing was heard, or nothing
  // is to be executed.
  std::optional<Progress> progress() const;

  // Something was heard that only a job says that runs. The end does not count: it is told late, maybe of an earlier
  // run of the same id.
  bool begun() const { return begun_; }

  const RunState& state() const { return state_; }
  const std::optional<Time>& start_time() const { return start_time_; }  // ComfyUI's own word for it

  // Of events kept while the workflow is not known.
  static constexpr std::size_t kMaxUnplaced = 256;
  static constexpr std::size_t kMaxUnplacedBytes = 1024 * 1024;  // but the newest is kept however big
  std::size_t unplaced_bytes() const { return unplaced_bytes_; }

 private:
  using Index = std::uint32_t;
  // Which node of the workflow an event is about, and whether it is about a part of it.
  struct Place {
    Index index;
    bool part;
  };

  void Keep(const RunEvent& event);
  void On(const RunEvent::Began& began, const RunEvent& event);
  void On(const RunEvent::Cached& cached, const RunEvent& event);
  void On(const RunEvent::Executing& executing, const RunEvent& event);
  void On(const RunEvent::Step& step, const RunEvent& event);
  void On(const RunEvent::NodeStates& states, const RunEvent& event);
  void On(const RunEvent::Over& over, const RunEvent& event);

  std::optional<Place> Find(std::string_view node, std::string_view display_node) const;
  bool Feeds(Index upstream, Index node) const;
  void TakeOver(Index index, Time at);
  void Start(Index index, std::optional<Time> at);  // absent: at some time before
  void Advance(const Place& place, std::string_view node, double value, double max, Time at);
  void Finish(Index index, Time at);
  void SkipAbove(Index index);
  void Measure();

  RunState state_;
  Submitter submitter_ = Submitter::kUnknown;
  RunEvent::Channel channel_ = RunEvent::Channel::kSeat;  // that told the most: the last of their order
  bool owner_only_ = false;                               // heard on our seat what only the owner is told
  bool begun_ = false;
  bool from_the_start_ = false;  // its beginning was heard as it happened
  std::optional<Time> start_time_;
  std::deque<RunEvent> unplaced_;
  std::size_t unplaced_bytes_ = 0;

  // What a node was expanded into, as far as it was heard of.
  struct Parts {
    std::unordered_map<std::size_t, double> fractions;  // how far each is, by the hash of its id, which may be long
    double done = 0;                                    // their sum
  };

  std::optional<Index> executing_;                    // the last node that was told to execute
  bool states_heard_ = false;                         // progress_state comes, so that the end of a node is told
  std::vector<Index> supplied_;                       // by the event at hand: nodes that have all that they take
  std::vector<bool> needed_;                          // by this run, as far as is known of the cache
  std::map<Index, std::deque<Duration>> step_times_;  // of running nodes
  std::map<Index, Parts> parts_;                      // of running nodes
  double percentage_ = 0;                             // the most that was measured
};

}  // namespace jobs
