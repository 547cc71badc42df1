#pragma once

#include <string>
#include <string_view>

namespace app {

// The client id under which the service listens at a backend, if none is configured: the same after each restart, so
// that jobs of before are still heard, and another for each service and backend, since ComfyUI tells only one of those
// who share an id.
std::string DefaultClientId(std::string_view host_name, std::string_view listen, std::string_view backend,
                            std::string_view url);

// Of this machine; empty when it cannot be had.
std::string HostName();

}  // namespace app
