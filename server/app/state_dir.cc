#include "app/state_dir.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace app {
namespace {

constexpr const char* kName = "jobstatus";

std::string_view Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::filesystem::path DefaultStateDir() {
  const std::string_view systemd = Environment("STATE_DIRECTORY");  // several are separated by colons
  if (!systemd.empty()) return systemd.substr(0, systemd.find(':'));
  if (geteuid() == 0) return std::filesystem::path("/var/lib") / kName;
  const std::string_view xdg = Environment("XDG_STATE_HOME");
  if (xdg.starts_with('/')) return std::filesystem::path(xdg) / kName;  // a relative one is to be ignored
  const std::string_view home = Environment("HOME");
  if (home.empty()) return {};
  return std::filesystem::path(home) / ".local" / "state" / kName;
}

}  // namespace app
