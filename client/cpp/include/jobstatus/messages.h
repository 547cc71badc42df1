// The messages of the contract under the client's namespace. They are plain protobuf values; job_status.proto says what
// each field means.
#pragma once

#include "comfyui/jobstatus/v1/job_status.pb.h"

namespace jobstatus {

using comfyui::jobstatus::v1::Backend;
using comfyui::jobstatus::v1::JobError;
using comfyui::jobstatus::v1::JobState;
using comfyui::jobstatus::v1::JobStatus;
using comfyui::jobstatus::v1::ListBackendsResponse;
using comfyui::jobstatus::v1::ListStatusesRequest;
using comfyui::jobstatus::v1::ListStatusesResponse;
using comfyui::jobstatus::v1::Output;

// True of completed, failed, cancelled and lost.
bool IsTerminal(JobState state);

}  // namespace jobstatus
