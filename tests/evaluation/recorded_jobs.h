#pragma once

#include <filesystem>
#include <vector>

#include "evaluation/played_job.h"

namespace evaluation {

// The jobs of one version's recordings whose graph and events are there, in the order in which they ran; those that
// overlap another are left out.
std::vector<PlayedJob> RecordedJobs(const std::filesystem::path& recordings, const std::string& version);

}  // namespace evaluation
