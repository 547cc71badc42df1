#include "app/service_manager.h"

#include <systemd/sd-daemon.h>

#include <algorithm>
#include <cstdint>

#include "comfy/clock.h"

namespace app {

ServiceManager::ServiceManager() {
  std::uint64_t microseconds = 0;
  if (sd_watchdog_enabled(0, &microseconds) > 0)
    patience_ = std::chrono::duration_cast<jobs::Duration>(std::chrono::microseconds(microseconds));
}

void ServiceManager::Ready() const {
  sd_notify(0, "READY=1");
}

void ServiceManager::Reloading() const {
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(comfy::SteadyNow().time_since_epoch());
  sd_notify(0, ("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(now.count())).c_str());
}

void ServiceManager::Status(const std::string& status) {
  if (status == status_) return;
  status_ = status;
  sd_notify(0, ("STATUS=" + status).c_str());
}

void ServiceManager::Alive() const {
  if (patience_) sd_notify(0, "WATCHDOG=1");
}

void ServiceManager::Stopping() const {
  sd_notify(0, "STOPPING=1");
}

std::string StatusLine(const std::vector<board::BackendState>& backends) {
  int running = 0;
  int pending = 0;
  for (const board::BackendState& backend : backends) {
    if (!backend.reachable) continue;  // what it had when it last answered
    running += backend.running;
    pending += backend.pending;
  }
  const auto answering = std::ranges::count_if(backends, &board::BackendState::reachable);
  return std::to_string(answering) + " of " + std::to_string(backends.size()) + " backends answering, " +
         std::to_string(running) + " jobs running, " + std::to_string(pending) + " waiting";
}

}  // namespace app
