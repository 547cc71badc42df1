#pragma once

#include <string>

namespace app {

// Whether only this machine can reach what listens on `address`: HOST:PORT or unix:PATH. A name counts as what it
// resolves to; one that cannot be resolved as local, since nothing can listen there.
bool IsLoopback(const std::string& address);

}  // namespace app
