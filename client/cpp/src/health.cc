#include "jobstatus/health.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <string>

#include "channel.h"
#include "error_details.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace jobstatus {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

namespace {

HealthCheckRequest RequestOf(std::string_view service) {
  HealthCheckRequest request;
  request.set_service(std::string(service));
  return request;
}

}  // namespace

Result<Serving> CheckHealth(const ClientOptions& options, std::string_view service) {
  const auto channel = MakeChannel(options);
  if (!channel) return std::unexpected(channel.error());
  grpc::ClientContext context;
  Authorize(options.token, context);
  context.set_deadline(std::chrono::system_clock::now() + options.call_timeout);
  HealthCheckResponse response;
  const grpc::Status status = Health::NewStub(*channel)->Check(&context, RequestOf(service), &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return Serving::kServiceUnknown;
  if (!status.ok()) return std::unexpected(ToError(status));
  return static_cast<Serving>(response.status());
}

Error WatchHealth(const ClientOptions& options, std::string_view service,
                  const std::function<void(Serving)>& on_serving) {
  const auto channel = MakeChannel(options);
  if (!channel) return channel.error();
  grpc::ClientContext context;
  Authorize(options.token, context);
  const auto reader = Health::NewStub(*channel)->Watch(&context, RequestOf(service));
  HealthCheckResponse response;
  while (reader->Read(&response)) on_serving(static_cast<Serving>(response.status()));
  const grpc::Status status = reader->Finish();
  if (status.ok()) return {.code = Code::kUnavailable, .message = "the server ended the watch"};
  return ToError(status);
}

}  // namespace jobstatus
