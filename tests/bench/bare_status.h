#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <string>

#include "comfyui/jobstatus/v1/job_status.pb.h"

namespace bench {

// What the bare servers say of a job: about as long as what ours does.
comfyui::jobstatus::v1::JobStatus StatusOf(const std::string& job_id);

// A message of WatchStatus with it.
grpc::ByteBuffer EncodedStatus(std::uint64_t revision);

}  // namespace bench
