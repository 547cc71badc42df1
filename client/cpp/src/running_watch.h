#pragma once

#include <thread>

#include "jobstatus/watch.h"

namespace jobstatus {

struct Watch::Running {
  Result<void> result;  // written by the thread as it ends, read after it was joined
  // Runs the watch's calls and events. Last: its destructor asks it to stop and joins it while the rest still stands.
  std::jthread thread;
};

}  // namespace jobstatus
