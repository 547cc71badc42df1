#include "rpc/calls.h"

#include <grpcpp/server_context.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <string_view>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "jobs/text.h"
#include "rpc/clock.h"

namespace rpc {
namespace {

// grpc/impl/codegen/status.h, in the order of the numbers.
constexpr std::array<const char*, kCodes> kCodeNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

constexpr std::size_t kMaxRequestIdBytes = 128;

bool IsRequestId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxRequestIdBytes &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

std::string MadeUpRequestId() {
  std::array<unsigned char, 8> bytes{};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) throw std::runtime_error("OpenSSL gives no random numbers");
  std::string id;
  for (const unsigned char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    id += kDigits[byte >> 4];
    id += kDigits[byte & 15];
  }
  return id;
}

std::string RequestId(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  if (const auto sent = metadata.find("x-request-id"); sent != metadata.end()) {
    const std::string_view id(sent->second.data(), sent->second.size());
    if (IsRequestId(id)) return std::string(id);
  }
  return MadeUpRequestId();
}

// Messages of protobuf that are written one behind the other are read as one: this adds to the details that are there.
std::string WithRequestId(const grpc::Status& status, const std::string& request_id) {
  google::rpc::RequestInfo info;
  info.set_request_id(request_id);
  google::rpc::Status further;
  if (status.error_details().empty()) {
    further.set_code(status.error_code());
    further.set_message(status.error_message());
  }
  further.add_details()->PackFrom(info);
  return status.error_details() + further.SerializeAsString();
}

std::string Reason(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  details.ParseFromString(status.error_details());  // of none, too
  for (const auto& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

}  // namespace

const char* CodeName(grpc::StatusCode code) {
  const auto number = static_cast<std::size_t>(code);
  return number < kCodes ? kCodeNames[number] : "UNKNOWN";
}

std::array<Calls::Counts, kMethods> Calls::Read() const {
  std::array<Counts, kMethods> read;
  for (std::size_t method = 0; method < kMethods; ++method) {
    const Counters& counters = counters_[method];
    read[method].started = counters.started.load(std::memory_order_relaxed);
    for (std::size_t code = 0; code < kCodes; ++code)
      read[method].ended[code] = counters.ended[code].load(std::memory_order_relaxed);
    read[method].messages_sent = counters.messages_sent.load(std::memory_order_relaxed);
    read[method].durations = counters.durations.Read();
  }
  return read;
}

Call::Call(Calls& calls, Method method, const grpc::ServerContext& context)
    : calls_(calls),
      counters_(calls.counters_[static_cast<std::size_t>(method)]),
      method_(method),
      context_(context),
      begun_(SteadyNow()) {
  counters_.started.fetch_add(1, std::memory_order_relaxed);
}

void Call::MessageSent() {
  counters_.messages_sent.fetch_add(1, std::memory_order_relaxed);
}

grpc::Status Call::End(grpc::Status status) {
  const jobs::Duration duration = SteadyNow() - begun_;
  assert(static_cast<std::size_t>(status.error_code()) < kCodes);
  counters_.ended[static_cast<std::size_t>(status.error_code())].fetch_add(1, std::memory_order_relaxed);
  counters_.durations.Add(duration);
  if (status.ok()) return status;
  const std::string request_id = RequestId(context_);
  if (calls_.on_failed_) {
    calls_.on_failed_({.method = method_,
                       .code = status.error_code(),
                       .reason = Reason(status),
                       .message = status.error_message(),
                       .request_id = request_id,
                       .peer = context_.peer(),
                       .duration = duration});
  }
  return {status.error_code(), status.error_message(), WithRequestId(status, request_id)};
}

}  // namespace rpc
