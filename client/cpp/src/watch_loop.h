#pragma once

#include <memory>
#include <stop_token>

#include "channel.h"
#include "jobstatus/client_options.h"
#include "jobstatus/watch.h"

namespace jobstatus {

// Runs a whole watch on the calling thread and returns how it ended. A stop request ends it soon, with CANCELLED.
Result<void> RunWatch(Stub& stub, const ClientOptions& options, WatchRequest request, const WatchEvents& events,
                      std::stop_token stop);

}  // namespace jobstatus
