// Messages and errors for tests.
#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "jobstatus/messages.h"

namespace jobstatus {

using comfyui::jobstatus::v1::WatchStatusResponse;

JobStatus MakeStatus(const std::string& job_id, JobState state, std::uint64_t revision = 1);
JobStatus MakeQueued(const std::string& job_id, int position, int size);
JobStatus MakeProcessing(const std::string& job_id, double percentage);
JobStatus MakeCompleted(const std::string& job_id, std::uint64_t revision = 1);
JobStatus MakeFailed(const std::string& job_id, std::uint64_t revision = 1);

WatchStatusResponse MakeMessage(const JobStatus& status);
WatchStatusResponse MakeHeartbeat(std::uint64_t revision);

// A status with the details the service sends.
grpc::Status MakeFailure(grpc::StatusCode code, const std::string& message, const std::string& reason,
                         const std::map<std::string, std::string>& metadata = {},
                         std::optional<std::chrono::milliseconds> retry_after = {});

}  // namespace jobstatus
