#pragma once

#include "app/log.h"
#include "rpc/calls.h"

namespace app {

// Logs a call that failed, so that a caller's error is found by its request id. A watch that its caller left is no
// failure.
void LogFailedCall(Log& log, const rpc::FailedCall& call);

}  // namespace app
