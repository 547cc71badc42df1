#include "error_details.h"

#include <chrono>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace jobstatus {
namespace {

constexpr char kDomain[] = "jobstatus.comfyui";

std::chrono::milliseconds ToMilliseconds(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + std::chrono::milliseconds(duration.nanos() / 1'000'000);
}

void AddDetail(const google::protobuf::Any& detail, Error& error) {
  google::rpc::ErrorInfo info;
  google::rpc::RetryInfo retry;
  google::rpc::RequestInfo request;
  google::rpc::BadRequest bad;
  if (detail.UnpackTo(&info)) {
    if (info.domain() != kDomain) return;
    error.reason = info.reason();
    for (const auto& [key, value] : info.metadata()) error.metadata[key] = value;
  } else if (detail.UnpackTo(&retry)) {
    error.retry_after = ToMilliseconds(retry.retry_delay());
  } else if (detail.UnpackTo(&request)) {
    error.request_id = request.request_id();
  } else if (detail.UnpackTo(&bad)) {
    for (const auto& violation : bad.field_violations())
      error.invalid_fields[violation.field()] = violation.description();
  }
}

}  // namespace

Error ToError(const grpc::Status& status) {
  Error error{.code = static_cast<Code>(status.error_code()), .message = status.error_message()};
  google::rpc::Status details;
  if (!details.ParseFromString(status.error_details())) return error;  // not ours: a proxy's, perhaps
  for (const google::protobuf::Any& detail : details.details()) AddDetail(detail, error);
  return error;
}

}  // namespace jobstatus
