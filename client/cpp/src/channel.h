#pragma once

#include <memory>
#include <string>

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "jobstatus/client_options.h"
#include "jobstatus/error.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace jobstatus {

using Stub = comfyui::jobstatus::v1::JobStatusService::Stub;

// A new channel; reads the certificate files.
Result<std::shared_ptr<grpc::Channel>> MakeChannel(const ClientOptions& options);

// The stub of a new channel.
Result<std::unique_ptr<Stub>> OpenChannel(const ClientOptions& options);

// Adds what every call carries: the token.
void Authorize(const std::string& token, grpc::ClientContext& context);

}  // namespace jobstatus
