#pragma once

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"

namespace rpc {

namespace pb = comfyui::jobstatus::v1;

// How gRPC hands over the contract's calls. Those that are made the most get and give bytes (encode.h). Watches come by
// a completion queue (loop.h), the others by callbacks, which many threads carry out.
using JobStatusFace = pb::JobStatusService::WithRawCallbackMethod_GetStatus<
    pb::JobStatusService::WithRawMethod_WatchStatus<pb::JobStatusService::WithCallbackMethod_ListStatuses<
        pb::JobStatusService::WithCallbackMethod_ListBackends<pb::JobStatusService::Service>>>>;

}  // namespace rpc
