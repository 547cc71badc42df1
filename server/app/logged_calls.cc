#include "app/logged_calls.h"

#include <fmt/format.h>

#include "jobs/text.h"

namespace app {
namespace {

using grpc::StatusCode;

// What ComfyUI, or this service, is to blame for, not the caller.
bool IsOurs(StatusCode code) {
  return code == StatusCode::INTERNAL || code == StatusCode::UNAVAILABLE || code == StatusCode::UNKNOWN;
}

}  // namespace

void LogFailedCall(Log& log, const rpc::FailedCall& call) {
  const bool is_over = call.code == StatusCode::CANCELLED || call.code == StatusCode::DEADLINE_EXCEEDED;
  const char* const method = rpc::kMethodNames[static_cast<std::size_t>(call.method)];
  const char* const code = rpc::CodeName(call.code);
  const std::string peer = jobs::OneLine(call.peer, 100);
  const std::string message = jobs::OneLine(call.message, 500);
  const std::string seconds = fmt::format("{:.3f}", std::chrono::duration<double>(call.duration).count());
  log.WriteSparingly(
      is_over             ? Log::Level::kDebug
      : IsOurs(call.code) ? Log::Level::kWarn
                          : Log::Level::kInfo,
      fmt::format("call_failed_{}", code),
      fmt::format("{} for {} failed with {}: {} (request {})", method, peer, code, message, call.request_id),
      {{"method", method}, {"code", code}, {"peer", peer}, {"request_id", call.request_id}, {"seconds", seconds}});
}

}  // namespace app
