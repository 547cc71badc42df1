#include "rpc/errors.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "jobs/text.h"

namespace rpc {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;
using Kind = jobs::BackendError::Kind;

constexpr std::size_t kMaxMessageBytes = 1024;  // the message travels in an HTTP/2 header

struct Details {
  std::string_view reason;
  std::map<std::string, std::string> metadata;
  std::optional<jobs::Duration> retry_after;  // none: trying again does not help
  std::string_view bad_field;
  std::string_view bad_why;
};

grpc::Status Make(StatusCode code, std::string_view message, const Details& details) {
  google::rpc::Status status;
  status.set_code(code);
  status.set_message(jobs::OneLine(message, kMaxMessageBytes));
  google::rpc::ErrorInfo info;
  info.set_domain("jobstatus.comfyui");
  info.set_reason(std::string(details.reason));
  for (const auto& [key, value] : details.metadata) {
    if (!value.empty()) (*info.mutable_metadata())[key] = value;
  }
  status.add_details()->PackFrom(info);
  if (details.retry_after) {
    google::rpc::RetryInfo retry;
    const auto seconds = std::chrono::floor<std::chrono::seconds>(*details.retry_after);
    retry.mutable_retry_delay()->set_seconds(seconds.count());
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int>(std::chrono::nanoseconds(*details.retry_after - seconds).count()));
    status.add_details()->PackFrom(retry);
  }
  if (!details.bad_field.empty()) {
    google::rpc::BadRequest request;
    auto* violation = request.add_field_violations();
    violation->set_field(std::string(details.bad_field));
    violation->set_description(std::string(details.bad_why));
    status.add_details()->PackFrom(request);
  }
  return grpc::Status(code, status.message(), status.SerializeAsString());
}

std::string Quoted(std::string_view text) {
  return fmt::format("\"{}\"", jobs::OneLine(text, 256));
}

}  // namespace

grpc::Status InvalidArgument(std::string_view field, std::string_view why) {
  return Make(StatusCode::INVALID_ARGUMENT, std::string(field) + " " + std::string(why),
              {.reason = "INVALID_ARGUMENT", .bad_field = field, .bad_why = why});
}

grpc::Status Unreadable(std::string_view message) {
  return Make(StatusCode::INVALID_ARGUMENT,
              fmt::format("the request is no {}: are the caller's stubs made from the service's .proto?", message),
              {.reason = "INVALID_ARGUMENT"});
}

grpc::Status JobNotFound(std::string_view job_id, std::string_view backend) {
  const std::string where =
      backend.empty() ? "no ComfyUI server has" : "ComfyUI server " + Quoted(backend) + " does not have";
  return Make(
      StatusCode::NOT_FOUND, where + " a job " + Quoted(job_id) + ", neither queued nor running nor in its history",
      {.reason = "JOB_NOT_FOUND", .metadata = {{"job_id", std::string(job_id)}, {"backend", std::string(backend)}}});
}

grpc::Status BackendNotFound(std::string_view backend) {
  return Make(StatusCode::NOT_FOUND,
              "no ComfyUI server is configured under the name " + Quoted(backend) + "; ListBackends names them",
              {.reason = "BACKEND_NOT_FOUND", .metadata = {{"backend", jobs::OneLine(backend, 256)}}});
}

grpc::Status TooManyWatches(std::size_t max_watches) {
  return Make(StatusCode::RESOURCE_EXHAUSTED,
              "the service already serves " + std::to_string(max_watches) + " watches (max_watches)",
              {.reason = "TOO_MANY_WATCHES", .metadata = {{"limit", "max_watches"}}, .retry_after = 5s});
}

grpc::Status TooManyWatchesOfPeer(std::size_t max_watches_per_peer) {
  return Make(StatusCode::RESOURCE_EXHAUSTED,
              "the service already serves " + std::to_string(max_watches_per_peer) +
                  " watches of this caller's address (max_watches_per_peer)",
              {.reason = "TOO_MANY_WATCHES", .metadata = {{"limit", "max_watches_per_peer"}}, .retry_after = 5s});
}

grpc::Status TooManyLookups(std::string_view job_id, jobs::Duration retry_after) {
  return Make(StatusCode::RESOURCE_EXHAUSTED,
              "job " + Quoted(job_id) +
                  " is not known, and too many such jobs were looked up for this caller's address "
                  "(max_lookups_per_second); WatchStatus waits for its turn",
              {.reason = "TOO_MANY_LOOKUPS",
               .metadata = {{"job_id", std::string(job_id)}, {"limit", "max_lookups_per_second"}},
               .retry_after = retry_after});
}

grpc::Status TooManyStreams(std::string_view service, std::size_t limit) {
  return Make(StatusCode::RESOURCE_EXHAUSTED,
              "the service already serves " + std::to_string(limit) + " streams of " + std::string(service),
              {.reason = "TOO_MANY_WATCHES", .retry_after = 5s});
}

grpc::Status ShuttingDown() {
  return Make(StatusCode::UNAVAILABLE,
              "the service is going down; call again, a watch with after_revision, and nothing is skipped",
              {.reason = "SHUTTING_DOWN", .retry_after = 1s});
}

grpc::Status Unauthenticated(bool has_token) {
  return Make(StatusCode::UNAUTHENTICATED,
              has_token ? "the token is not one that this service takes"
                        : "this service wants a token: send it as metadata \"authorization: Bearer TOKEN\"",
              {.reason = "UNAUTHENTICATED"});
}

grpc::Status WriteStalled() {
  return Make(StatusCode::RESOURCE_EXHAUSTED, "the reader took nothing for too long (write_stall_limit)",
              {.reason = "WRITE_STALLED", .retry_after = 5s});
}

grpc::Status ConnectionOld() {
  return Make(
      StatusCode::UNAVAILABLE,
      "this connection is old enough (max_connection_age); call again with after_revision, and nothing is skipped",
      {.reason = "CONNECTION_AGE", .retry_after = 10ms});
}

grpc::Status ArchiveUnreadable(std::string_view job_id) {
  const std::string what = job_id.empty() ? "some of what was asked for" : "job " + Quoted(job_id);
  return Make(StatusCode::UNAVAILABLE, what + " may be in the service's archive, which cannot be read at present",
              {.reason = "ARCHIVE_UNAVAILABLE", .metadata = {{"job_id", std::string(job_id)}}, .retry_after = 5s});
}

grpc::Status NotAsked(const board::NotAsked& not_asked, std::string_view job_id) {
  const auto& [backend, error] = not_asked;
  if (backend.empty()) return ArchiveUnreadable(job_id);
  if (error.kind == Kind::kStopping) return ShuttingDown();
  Details details{.metadata = {{"backend", backend}, {"job_id", std::string(job_id)}}};
  StatusCode code = StatusCode::UNAVAILABLE;
  switch (error.kind) {
    case Kind::kTimeout:
      details.reason = "BACKEND_TIMEOUT";
      break;
    case Kind::kUnreachable:
      details.reason = "BACKEND_UNREACHABLE";
      break;
    case Kind::kHttpError:
      details.reason = "BACKEND_HTTP_ERROR";
      details.metadata["http_status"] = std::to_string(error.http_status);
      if (error.http_status != 429 && error.http_status < 500) code = StatusCode::INTERNAL;
      break;
    case Kind::kStopping:  // told above
    case Kind::kBadResponse:
      details.reason = "BACKEND_BAD_RESPONSE";
      code = StatusCode::INTERNAL;
      break;
  }
  if (code == StatusCode::UNAVAILABLE) details.retry_after = 2s;
  return Make(
      code, "ComfyUI server " + Quoted(backend) + " could not be asked for job " + Quoted(job_id) + ": " + error.detail,
      details);
}

}  // namespace rpc
