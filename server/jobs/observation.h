#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jobs/backend_error.h"
#include "jobs/history.h"
#include "jobs/queue.h"
#include "jobs/run_event.h"
#include "jobs/time.h"
#include "jobs/transitions.h"

// What a ComfyUI server told us, as values: the one thing that flows from comfy/ inwards.
namespace jobs {

// The queue as it stood; `pending` in the order of execution.
struct QueueObserved {
  QueueListing listing;
};

// The history has the job.
struct HistoryObserved {
  std::string job_id;
  HistoryEntry entry;
};

// A job that was seen before is in neither the queue nor, asked after it, the history.
struct AbsenceObserved {
  std::string job_id;
  SeenNowhere sighting;
};

// A job that was looked for is in neither the queue nor, asked after it, the history.
struct LookupMissed {
  std::string job_id;
  Steady asked_at;  // when the queue was asked: the answer for whoever wanted to wait no longer than until then
};

// A job that was looked for could not be asked for.
struct LookupFailed {
  std::string job_id;
  BackendError error;
  Steady as_of;  // the answer for whoever wanted to wait no longer than until then
};

// The backend answered (anything).
struct BackendAnswered {
  std::string comfyui_version;  // empty: not known
};

// The last of the job's own questions was not answered, so that its end may be missed though the backend is up.
struct JobNotObserved {
  std::string job_id;
};

// The backend could not be asked.
struct BackendFailed {
  BackendError error;
};

// Things heard of running jobs, in the order they were heard.
struct RunEventsHeard {
  std::vector<RunEvent> events;
};

// Live events are heard, or no longer.
struct ListeningObserved {
  bool live = false;
  std::string client_id;  // events of the jobs submitted with it are heard
  std::string why_not;    // for a person; without credentials. Empty while live
};

using Observation = std::variant<QueueObserved, HistoryObserved, AbsenceObserved, LookupMissed, LookupFailed,
                                 BackendAnswered, JobNotObserved, BackendFailed, RunEventsHeard, ListeningObserved>;

// Takes observations, in the order they were made. May be called from several threads, one per backend at a time.
class ObservationSink {
 public:
  virtual ~ObservationSink() = default;
  virtual void Observe(std::string_view backend, Observation observation, Time now) = 0;
};

}  // namespace jobs
