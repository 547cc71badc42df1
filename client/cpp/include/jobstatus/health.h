// Whether a service serves, by the standard protocol (grpc.health.v1); for probes and load balancers.
#pragma once

#include <functional>
#include <string_view>

#include "jobstatus/client_options.h"
#include "jobstatus/error.h"

namespace jobstatus {

// With gRPC's numbers.
enum class Serving { kUnknown = 0, kServing = 1, kNotServing = 2, kServiceUnknown = 3 };

// Asks once, on a connection of its own. `service`: empty for the server as a whole, or a backend's name. A name that
// the server does not have is no error, but kServiceUnknown.
Result<Serving> CheckHealth(const ClientOptions& options, std::string_view service = {});

// Tells the status now and each change, until the server ends it or cannot be reached; that is what is returned.
Error WatchHealth(const ClientOptions& options, std::string_view service,
                  const std::function<void(Serving)>& on_serving);

}  // namespace jobstatus
