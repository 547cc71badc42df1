#pragma once

#include <grpcpp/support/status.h>

#include <map>
#include <optional>
#include <string>

// What an error of the service carries beside its code, as a client reads it from `grpc-status-details-bin`.
struct ErrorDetails {
  std::string domain;
  std::string reason;
  std::map<std::string, std::string> metadata;
  std::string request_id;
  std::optional<double> retry_after_seconds;
  std::map<std::string, std::string> bad_fields;  // and why
};

// Fails the test when the details do not repeat the status's code and message, or are none.
ErrorDetails DetailsOf(const grpc::Status& status);

// "UNAVAILABLE SHUTTING_DOWN": code and reason, for comparing at a glance. "OK" when it is.
std::string CodeAndReason(const grpc::Status& status);
