#pragma once

#include <string>
#include <vector>

#include "jobs/observation.h"

// What a ComfyUI server told, in short.

// `running` run, and `pending` wait in that order.
jobs::QueueObserved Queue(const std::vector<std::string>& running, const std::vector<std::string>& pending);

// `job_id` waits first of `size`. Two such observations differ only in the size, so that nothing but the job's place
// moves.
jobs::QueueObserved QueueOf(const std::string& job_id, int size);

jobs::HistoryObserved Completed(const std::string& job_id, const std::string& filename = "a.png");
jobs::HistoryObserved Failed(const std::string& job_id, const std::string& message = "boom");

// Neither in the queue nor in the history any more, for no known reason.
jobs::AbsenceObserved Vanished(const std::string& job_id);

jobs::BackendFailed Unreachable();
