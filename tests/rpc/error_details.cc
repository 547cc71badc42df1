#include "rpc/error_details.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

ErrorDetails DetailsOf(const grpc::Status& status) {
  ErrorDetails details;
  google::rpc::Status parsed;
  EXPECT_FALSE(status.error_details().empty()) << status.error_code() << " " << status.error_message();
  EXPECT_TRUE(parsed.ParseFromString(status.error_details()));
  EXPECT_EQ(parsed.code(), status.error_code());
  EXPECT_EQ(parsed.message(), status.error_message());
  for (const auto& any : parsed.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    google::rpc::RequestInfo call;
    google::rpc::BadRequest request;
    if (any.UnpackTo(&info)) {
      details.domain = info.domain();
      details.reason = info.reason();
      details.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (any.UnpackTo(&retry)) {
      details.retry_after_seconds =
          static_cast<double>(retry.retry_delay().seconds()) + retry.retry_delay().nanos() / 1e9;
    } else if (any.UnpackTo(&call)) {
      details.request_id = call.request_id();
    } else if (any.UnpackTo(&request)) {
      for (const auto& violation : request.field_violations())
        details.bad_fields[violation.field()] = violation.description();
    } else {
      ADD_FAILURE() << "an unknown detail: " << any.type_url();
    }
  }
  return details;
}

std::string CodeAndReason(const grpc::Status& status) {
  static constexpr const char* kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const std::string code = kNames[status.error_code()];
  if (status.error_details().empty()) return code;
  return code + " " + DetailsOf(status).reason;
}
