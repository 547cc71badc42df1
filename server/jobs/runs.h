#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "jobs/history.h"
#include "jobs/job.h"
#include "jobs/queue.h"
#include "jobs/run.h"
#include "jobs/run_event.h"
#include "jobs/submitter.h"
#include "jobs/time.h"
#include "jobs/time_remaining.h"
#include "jobs/workflow.h"

namespace jobs {

// What is known of a job besides its state: how far it is, and when it will end.
struct Outlook {
  std::optional<Progress> progress;
  std::optional<Estimate> estimate;
  std::optional<Time> start_time;  // ComfyUI's word
};

// Brings `status` up to date with `outlook`. An estimate that is nearly right is left as it is, and progress that was
// known is not forgotten.
void Foresee(const Outlook& outlook, Time now, JobStatus& status);

// The jobs in one backend's queue, what is heard of those that run, and what earlier ones tell about them. Bounded by
// the queue. Not thread-safe; no clock.
class Runs {
 public:
  Runs() = default;
  Runs(Runs&&) = default;

  // The queue as it stands. `since`: when it was looked at before; absent when that look was not answered, so that a
  // job that runs now may have begun at any time.
  void See(const QueueListing& listing, std::optional<Time> since, Time now);

  // Something was heard, maybe before the job was seen in the queue. The job it is about, if it is there; its outlook
  // may have changed.
  std::optional<std::string> Hear(const RunEvent& event);

  // The job has ended, as the history says.
  void Ended(const std::string& job_id, const HistoryEntry& entry, Time now);

  // ComfyUI was away: another process may answer next.
  void BackendAway();

  // The job was heard to run, be it that the queue never showed it so.
  bool HasBegun(const std::string& job_id) const;

  // Of a job in the queue; empty of any other.
  Outlook OutlookOf(const std::string& job_id, Time now);

  static constexpr std::size_t kMaxEarly = 8;  // jobs heard of and not yet seen

 private:
  struct Job {
    QueueNumber number;  // tells this run from another of the same id
    bool running = false;
    std::shared_ptr<const Workflow> workflow;  // null: not known
    Submitter submitter = Submitter::kUnknown;
    std::unique_ptr<Run> run;            // null: it waits, as most do, and nothing was heard of it
    std::optional<Estimate> queued_end;  // of a waiting job
  };

  Job& Track(const QueueItem& item);
  static Run& RunOf(Job& job);
  Run& Early(const std::string& job_id);
  std::unordered_map<std::string, Job>::iterator Running();

  std::unordered_map<std::string, Job> jobs_;
  std::deque<std::pair<std::string, Run>> early_;  // heard of, not yet seen; oldest first
  TimeRemaining time_remaining_;
};

}  // namespace jobs
