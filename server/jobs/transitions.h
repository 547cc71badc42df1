#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "jobs/history.h"
#include "jobs/job.h"
#include "jobs/queue.h"

// What one sighting of a job means for its status.
namespace jobs {

struct SeenQueued {
  QueuePlace place;
  std::optional<Time> create_time;
  QueueNumber number;
};

struct SeenRunning {
  std::optional<Time> create_time;
  QueueNumber number;
};

struct SeenInHistory {
  const HistoryEntry& entry;
};

// Asked for in the queue and then in the history, in that order, and in neither.
struct SeenNowhere {
  bool watched_without_gap =
      false;                       // each look at the backend since the job was last seen was answered, closely enough
  bool backend_restarted = false;  // something said so: a refused or dropped connection, numbers that start again
  bool has_begun = false;          // it was heard to run, so that it was not taken out of the queue
};

// The backend could not be asked, since `last_seen` or longer.
struct NotSeen {
  std::optional<Time> last_seen;
};

using Sighting = std::variant<SeenQueued, SeenRunning, SeenInHistory, SeenNowhere, NotSeen>;

// The status that follows from `old` and a sighting; nothing when the sighting changes nothing a caller would see (time
// of observation aside). `old` is null for a job seen for the first time; then job_id and backend name it, and only a
// job that is somewhere gets a status.
//
// The legal moves:
//                     SeenQueued   SeenRunning   SeenInHistory   SeenNowhere             NotSeen
//   (unknown)         QUEUED       PROCESSING    its verdict     -                       -
//   QUEUED            QUEUED       PROCESSING    its verdict     CANCELLED or LOST       stale
//   PROCESSING        QUEUED (1)   PROCESSING    its verdict     LOST                    stale
//   LOST              QUEUED       PROCESSING    its verdict     -                       -
//   other terminal    -            -             -               -                       -
// (1) A prompt_id submitted twice: the running copy left without a trace and the other is still waiting.
std::optional<JobStatus> Apply(const JobStatus* old, std::string_view job_id, std::string_view backend,
                               const Sighting& sighting, Time now);

// Whether the step from `old` (null: none) to `next` is more than movement within a state: callers who thin updates
// still get it.
bool IsChangeOfState(const JobStatus* old, const JobStatus& next);

// Whether the two would look the same to a caller, revision and time of observation aside.
bool SaysTheSame(const JobStatus& a, const JobStatus& b);

}  // namespace jobs
