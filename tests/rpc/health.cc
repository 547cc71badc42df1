#include "rpc/health.h"

#include <grpcpp/create_channel.h>

#include <chrono>

namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

void GiveUpInTime(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
}

Health::Serving ServingOf(const HealthCheckResponse& response) {
  switch (response.status()) {
    case HealthCheckResponse::SERVING:
      return Health::Serving::kServing;
    case HealthCheckResponse::NOT_SERVING:
      return Health::Serving::kNotServing;
    case HealthCheckResponse::SERVICE_UNKNOWN:
      return Health::Serving::kUnknown;
    default:
      return Health::Serving::kNoAnswer;
  }
}

HealthCheckRequest RequestOf(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request;
}

}  // namespace

Health::Health(const std::string& address)
    : stub_(grpc::health::v1::Health::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

Health::Serving Health::Check(const std::string& service) {
  grpc::ClientContext context;
  GiveUpInTime(context);
  HealthCheckResponse response;
  const grpc::Status status = stub_->Check(&context, RequestOf(service), &response);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return Serving::kUnknown;
  return status.ok() ? ServingOf(response) : Serving::kNoAnswer;
}

grpc::health::v1::HealthListResponse Health::List() {
  grpc::ClientContext context;
  GiveUpInTime(context);
  grpc::health::v1::HealthListResponse response;
  stub_->List(&context, {}, &response);
  return response;
}

Health::Watch::Watch(grpc::health::v1::Health::Stub& stub, const std::string& service) {
  GiveUpInTime(context_);
  reader_ = stub.Watch(&context_, RequestOf(service));
}

Health::Watch::~Watch() {
  if (finished_) return;
  context_.TryCancel();
  Finish();
}

Health::Serving Health::Watch::Read() {
  HealthCheckResponse response;
  return reader_->Read(&response) ? ServingOf(response) : Serving::kNoAnswer;
}

grpc::Status Health::Watch::Finish() {
  finished_ = true;
  HealthCheckResponse rest;
  while (reader_->Read(&rest)) {
  }
  return reader_->Finish();
}

std::unique_ptr<Health::Watch> Health::StartWatch(const std::string& service) {
  return std::make_unique<Watch>(*stub_, service);
}
