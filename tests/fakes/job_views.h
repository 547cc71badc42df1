#pragma once

#include <optional>
#include <string_view>

#include "fakes/comfy_model.h"
#include "fakes/http_message.h"

namespace fakes {

// GET /api/jobs and what hangs under it (since 0.6.0; as 0.33.0 answers). All throw PythonError where ComfyUI answers
// 500, which one odd job is enough for.

Answer GetJobs(const ComfyModel& model, std::string_view query);
Answer GetJob(const ComfyModel& model, std::string_view prompt_id);
Answer CancelJob(ComfyModel* model, std::string_view prompt_id);
// Body {"job_ids": […]}.
Answer CancelJobs(ComfyModel* model, std::string_view body);

}  // namespace fakes
