#include "evaluation/recorded_jobs.h"

namespace evaluation {
std::vector<PlayedJob> RecordedJobs(const std::filesystem::path&, const std::string&) {
  return {};
}
}  // namespace evaluation
