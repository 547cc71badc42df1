#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/job.h"
#include "jobs/queue_number.h"
#include "jobs/submitter.h"
#include "jobs/time.h"

// What ComfyUI's queue says, and who is where in it.
namespace jobs {

class Workflow;

struct QueueItem {
  std::string job_id;
  QueueNumber number;
  std::optional<Time> create_time;  // since 0.3.69
  Submitter submitter = Submitter::kUnknown;
  std::shared_ptr<const Workflow> workflow;  // null: not read, this time
};

// One answer of /queue, or of /api/jobs for the jobs not yet ended. The items stand in no order: queue_pending is a
// heap. Items whose id is not usable (see job_id.h) are here too, since they take a place.
struct QueueListing {
  std::vector<QueueItem> running;
  std::vector<QueueItem> pending;
};

// Brings `pending` into the order of execution: by number, ties by id (execution.py: the heap compares the tuples).
void SortPending(std::vector<QueueItem>& pending);

}  // namespace jobs
