#pragma once

#include <optional>
#include <string>
#include <vector>

#include "board/board.h"
#include "jobs/time.h"

namespace app {

// systemd, as far as it wants to be told how the service is (sd_notify(3)); nothing where it did not start us. To be
// used by one thread.
class ServiceManager {
 public:
  ServiceManager();

  // How often it has to hear that we are alive, or it kills us. None: it does not care.
  std::optional<jobs::Duration> patience() const { return patience_; }

  // Calls are taken, from the start or after Reloading.
  void Ready() const;
  // Settings are being read again.
  void Reloading() const;
  // What `systemctl status` shows; told when it is new.
  void Status(const std::string& status);
  void Alive() const;
  // The end has begun.
  void Stopping() const;

 private:
  std::optional<jobs::Duration> patience_;
  std::string status_;
};

// "1 of 2 backends answering, 3 jobs running, 5 waiting".
std::string StatusLine(const std::vector<board::BackendState>& backends);

}  // namespace app
