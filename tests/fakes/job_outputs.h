#pragma once

#include <cstdint>
#include <optional>

#include "fakes/python_json.h"

namespace fakes {

// What /api/jobs says about a job's outputs (0.33.0; recordings 40-api-jobs and 41-api-jobs-breakage).
struct OutputsSummary {
  int64_t count = 0;
  int64_t previewable_count = 0;
  std::optional<Json> preview;
};

OutputsSummary SummarizeOutputs(const Json& outputs);

// The outputs as /api/jobs/{id} shows them: nulls dropped, names of 3D files turned into file entries.
Json NormalizeOutputs(const Json& outputs);

}  // namespace fakes
