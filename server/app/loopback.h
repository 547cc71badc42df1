#pragma once

#include <string>

namespace app {

// Whether it is certain that only this machine can reach what listens on `address`: HOST:PORT or unix:PATH. A name
// counts as what it resolves to. What gRPC may understand in another way than we do is not certain.
bool IsLoopback(const std::string& address);

}  // namespace app
