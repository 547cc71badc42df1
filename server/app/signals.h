#pragma once

namespace app {

// Takes SIGINT and SIGTERM away from every thread started from here on, so that WaitForSignal gets them. Ignores
// SIGPIPE. To be called before any thread is started.
void BlockSignals();

// Waits for SIGINT or SIGTERM and returns its number. After that a second one ends the process at once, as if it had no
// handler: for an end that hangs.
int WaitForSignal();

}  // namespace app
