#pragma once

#include <functional>

namespace app {

// Takes SIGINT, SIGTERM and SIGHUP away from every thread started from here on, so that WaitForSignal gets them.
// Ignores SIGPIPE. To be called before any thread is started.
void BlockSignals();

// Waits for SIGINT or SIGTERM and returns its number; meanwhile calls `hang_up` on each SIGHUP, and `each_second` about
// once a second. After that a second one ends the process at once, as if it had no handler: for an end that hangs.
int WaitForSignal(const std::function<void()>& hang_up, const std::function<void()>& each_second);

}  // namespace app
