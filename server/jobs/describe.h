#pragma once

#include <string>

#include "jobs/job.h"

namespace jobs {

// The status in one line for a person: "queued, 3rd of 7", "KSampler 12/20", "failed in VAEDecode: out of memory". At
// most 300 bytes, no control characters.
std::string Describe(const JobStatus& status);

}  // namespace jobs
