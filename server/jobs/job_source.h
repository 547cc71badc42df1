#pragma once

#include <string>

#include "jobs/time.h"

namespace jobs {

// The one question that is asked upstream: look at this job. The answer comes as an observation: the job itself,
// LookupMissed or LookupFailed. Thread-safe; both calls return at once and never call back, so that they may be made
// under a lock.
class JobSource {
 public:
  virtual ~JobSource() = default;

  // Looks for the job, at least once from now on, until it is found or `until` is past. A further call for the same job
  // adds to the first; each look that finds nothing is told, so that those who wait less long have their answer.
  virtual void LookFor(const std::string& job_id, Steady until) = 0;

  // Nobody waits for it any more.
  virtual void StopLookingFor(const std::string& job_id) = 0;
};

}  // namespace jobs
