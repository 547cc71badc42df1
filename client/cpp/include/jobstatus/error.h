// What a call that did not succeed comes back with. A job that failed is not an error: it is a JobStatus.
#pragma once

#include <chrono>
#include <expected>
#include <map>
#include <optional>
#include <string>

#include "jobstatus/messages.h"

namespace jobstatus {

// The status codes of gRPC, with its numbers.
enum class Code {
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

struct Error {
  Code code = Code::kUnknown;

  // The service's own reason, such as "JOB_NOT_FOUND" (job_status.proto lists them). Empty when the error was not made
  // by the service: the connection failed, the deadline passed.
  std::string reason;

  // For a person; its wording may change.
  std::string message;

  // `backend`, `job_id`, `http_status`, `limit`, where they apply.
  std::map<std::string, std::string> metadata;

  // Of INVALID_ARGUMENT: what is wrong, by the name of the request's field.
  std::map<std::string, std::string> invalid_fields;

  // Trying again helps, but not earlier than this from now.
  std::optional<std::chrono::milliseconds> retry_after;

  // Under which the service has the call in its log. Empty when the error was not made by the service.
  std::string request_id;

  // Of a watch or a wait: the last status received before it ended. Tells how far a job was when time ran out.
  std::optional<JobStatus> last_status;
};

template <typename T>
using Result = std::expected<T, Error>;

}  // namespace jobstatus
