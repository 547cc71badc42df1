#include "bench/calls.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>

#include <chrono>
#include <optional>
#include <stdexcept>

namespace bench {
namespace {

using namespace std::chrono_literals;

struct Call {
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  grpc::ByteBuffer response;
  grpc::Status status;
  Clock::time_point begun;
};

}  // namespace

Request GetStatusOf(const std::string& job_id) {
  pb::GetStatusRequest request;
  request.set_job_id(job_id);
  return {"/comfyui.jobstatus.v1.JobStatusService/GetStatus", request.SerializeAsString()};
}

Request EmptyCall() {
  return {"/comfyui.jobstatus.v1.JobStatusService/ListBackends", ""};
}

Request HealthCheck() {
  return {"/grpc.health.v1.Health/Check", ""};
}

Calls::Calls(const std::string& address) : stub_(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())) {}

double Calls::Make(const std::vector<Request>& requests, std::size_t in_flight, Figures* each) {
  grpc::CompletionQueue queue;
  std::size_t made = 0;
  const auto make = [&](Call& call) {
    const Request& request = requests[made++];
    const grpc::Slice message(request.message);
    const grpc::ByteBuffer buffer(&message, 1);
    call.context.emplace();
    call.context->set_deadline(std::chrono::system_clock::now() + 20s);
    call.begun = Clock::now();
    call.reader = stub_.PrepareUnaryCall(&*call.context, request.method, buffer, &queue);
    call.reader->StartCall();
    call.reader->Finish(&call.response, &call.status, &call);
  };
  const auto begun = Clock::now();
  std::vector<Call> calls(std::min(in_flight, requests.size()));
  for (Call& call : calls) make(call);
  void* tag = nullptr;
  std::string failed;
  for (std::size_t open = calls.size(); open > 0;) {
    bool ok = false;
    queue.Next(&tag, &ok);
    Call& call = *static_cast<Call*>(tag);
    if (each != nullptr) each->Add(Clock::now() - call.begun);
    if (!call.status.ok()) failed = call.status.error_message();
    if (failed.empty() && made < requests.size()) {
      make(call);
    } else {
      --open;
    }
  }
  if (!failed.empty()) throw std::runtime_error("a call failed: " + failed);
  return static_cast<double>(requests.size()) / std::chrono::duration<double>(Clock::now() - begun).count();
}

}  // namespace bench
