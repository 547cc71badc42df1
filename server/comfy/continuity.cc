#include "comfy/continuity.h"

namespace comfy {

void Continuity::Answered(bool new_connection, int http_status, jobs::Steady now) {
  if (!new_connection) {
    keeps_connections_ = true;
  } else if (answered_) {
    const jobs::Duration quiet = now - *answered_;
    const bool dropped = keeps_connections_ && !may_close_ && quiet < kKeepAlive;
    if (dropped) ++mark_.restarts;
    if (dropped || quiet > kCloseAnswers) ++mark_.gaps;
  }
  may_close_ = http_status >= 500;  // aiohttp closes after an unhandled exception
  answered_ = now;
}

void Continuity::Failed(jobs::BackendError::Kind kind) {
  ++mark_.gaps;
  if (kind == jobs::BackendError::Kind::kUnreachable) ++mark_.restarts;
  if (kind != jobs::BackendError::Kind::kHttpError) may_close_ = true;  // libcurl gave the connection up
}

}  // namespace comfy
