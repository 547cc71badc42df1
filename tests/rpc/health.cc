#include "rpc/health.h"

#include <google/protobuf/wrappers.pb.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <chrono>
#include <future>

Health::Health(const std::string& address)
    : stub_(std::make_unique<grpc::GenericStub>(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {}

// Debian's gRPC does not ship health.proto. HealthCheckRequest{ string service = 1 } has the wire form of a
// StringValue, and HealthCheckResponse{ ServingStatus status = 1 } that of an Int32Value.
Health::Serving Health::Check(const std::string& service) {
  google::protobuf::StringValue request;
  request.set_value(service);
  grpc::ByteBuffer sent;
  grpc::ByteBuffer received;
  bool own = false;
  grpc::SerializationTraits<google::protobuf::StringValue>::Serialize(request, &sent, &own);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
  std::promise<grpc::Status> ended;
  stub_->UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &sent, &received,
                   [&](grpc::Status status) { ended.set_value(std::move(status)); });
  const grpc::Status status = ended.get_future().get();
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) return Serving::kUnknown;
  google::protobuf::Int32Value response;
  if (!status.ok() ||
      !grpc::SerializationTraits<google::protobuf::Int32Value>::Deserialize(&received, &response).ok()) {
    return Serving::kNoAnswer;
  }
  return response.value() == 1 ? Serving::kServing : Serving::kNotServing;
}
