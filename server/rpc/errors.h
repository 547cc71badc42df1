#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "jobs/backend_error.h"

// The one place where errors become grpc::Status, with the details the contract promises.
namespace rpc {

grpc::Status InvalidArgument(std::string_view field, std::string_view why);
grpc::Status JobNotFound(std::string_view job_id, std::string_view backend);
grpc::Status BackendNotFound(std::string_view backend);
grpc::Status TooManyWatches(std::size_t limit);
grpc::Status ShuttingDown();
grpc::Status WriteStalled();

// A job that was not found, and a backend that could not be asked for it.
grpc::Status BackendFailed(const jobs::BackendError& error, std::string_view backend, std::string_view job_id);

}  // namespace rpc
