#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jobs/job.h"

namespace archive {

// What the tables have no column for: everything but job_id, backend, state, revision and observe_time.
std::string Encode(const jobs::JobStatus& status);

// Fills in what Encode wrote. False: these bytes are damaged, and `status` is of no use.
bool Decode(std::string_view bytes, jobs::JobStatus& status);

// The states as the tables have them. Never changed: files of earlier versions hold them.
int StateNumber(jobs::JobState state);
std::optional<jobs::JobState> StateOf(int number);

}  // namespace archive
