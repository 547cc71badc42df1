#pragma once

#include <functional>

#include "jobs/time.h"

namespace app {

// Takes SIGINT, SIGTERM and SIGHUP away from every thread started from here on, so that WaitForSignal gets them.
// Ignores SIGPIPE. To be called before any thread is started.
void BlockSignals();

// Waits for SIGINT or SIGTERM and returns its number; meanwhile calls `hang_up` on each SIGHUP, and `look` after it and
// when `interval` has passed since the last call. After that a second one ends the process at once, as if it had no
// handler: for an end that hangs.
int WaitForSignal(jobs::Duration interval, const std::function<void()>& hang_up, const std::function<void()>& look);

}  // namespace app
