#pragma once

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"

namespace rpc {

namespace pb = comfyui::jobstatus::v1;

// How gRPC hands over the contract's calls: by completion queues (loop.h), and of those that are made the most the
// bytes (encode.h).
using JobStatusFace = pb::JobStatusService::WithRawMethod_GetStatus<
    pb::JobStatusService::WithRawMethod_WatchStatus<pb::JobStatusService::WithAsyncMethod_ListStatuses<
        pb::JobStatusService::WithAsyncMethod_ListBackends<pb::JobStatusService::Service>>>>;

}  // namespace rpc
