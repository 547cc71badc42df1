#pragma once

#include <map>
#include <mutex>
#include <string>

#include "jobs/observation.h"

namespace app {

// Passes observations on, and logs those that an operator wants to read: a backend that went away or came back (once
// each, not with each failed try), how a job ended.
class LoggedObservations final : public jobs::ObservationSink {
 public:
  explicit LoggedObservations(jobs::ObservationSink& next) : next_(next) {}

  void Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) override;

 private:
  void Log(const std::string& backend, const jobs::Observation& observation);

  jobs::ObservationSink& next_;
  std::mutex mutex_;  // guards what follows; observers of several backends may be on several threads
  struct Known {
    bool reachable = false;
    std::string error;
    std::string version;
    bool live = false;
    std::string why_not_live;
  };
  std::map<std::string, Known> known_;
};

}  // namespace app
