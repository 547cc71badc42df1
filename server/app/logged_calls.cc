#include "app/logged_calls.h"

#include <fmt/format.h>

#include "jobs/text.h"

namespace app {
namespace {

using grpc::StatusCode;

Log::Level LevelOf(const rpc::FailedCall& call) {
  if (call.code == StatusCode::CANCELLED || call.code == StatusCode::DEADLINE_EXCEEDED) return Log::Level::kDebug;
  if (call.reason == "CONNECTION_AGE") return Log::Level::kDebug;  // as it was set
  if (call.reason == "SHUTTING_DOWN") return Log::Level::kInfo;
  // What ComfyUI, or this service, is to blame for, not the caller.
  const bool is_ours =
      call.code == StatusCode::INTERNAL || call.code == StatusCode::UNAVAILABLE || call.code == StatusCode::UNKNOWN;
  return is_ours ? Log::Level::kWarn : Log::Level::kInfo;
}

}  // namespace

void LogFailedCall(Log& log, const rpc::FailedCall& call) {
  const char* const method = rpc::kMethodNames[static_cast<std::size_t>(call.method)];
  const char* const code = rpc::CodeName(call.code);
  const std::string peer = jobs::OneLine(call.peer, 100);
  const std::string message = jobs::OneLine(call.message, 500);
  const std::string seconds = fmt::format("{:.3f}", std::chrono::duration<double>(call.duration).count());
  log.WriteSparingly(
      LevelOf(call), fmt::format("call_failed_{}", code),
      fmt::format("{} for {} failed with {}: {} (request {})", method, peer, code, message, call.request_id),
      {{"method", method}, {"code", code}, {"peer", peer}, {"request_id", call.request_id}, {"seconds", seconds}});
}

}  // namespace app
