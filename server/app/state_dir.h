#pragma once

#include <filesystem>

namespace app {

// Where the service keeps its state unless told otherwise: systemd's $STATE_DIRECTORY, /var/lib for root, else by the
// XDG Base Directory Specification ($XDG_STATE_HOME, ~/.local/state). Empty: there is no place.
std::filesystem::path DefaultStateDir();

}  // namespace app
