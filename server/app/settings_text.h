#pragma once

#include <string>
#include <vector>

#include "app/config.h"

namespace CLI {
class App;
}

namespace app {

// The settings in force as a configuration file would have them, one a line, without passwords. Those that differ from
// their defaults, or all.
std::vector<std::string> SettingsText(const CLI::App& cli, const Config& config, bool all);

}  // namespace app
