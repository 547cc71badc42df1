#pragma once

#include <map>
#include <mutex>
#include <string>

#include "app/log.h"
#include "jobs/observation.h"

namespace app {

// Passes observations on, and logs those that an operator wants to read: a backend that went away or came back (once
// each, not with each failed try), how a job ended.
class LoggedObservations final : public jobs::ObservationSink {
 public:
  LoggedObservations(jobs::ObservationSink& next, Log& log) : next_(next), log_(log) {}

  void Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) override;

 private:
  void Note(const std::string& backend, const jobs::Observation& observation);

  jobs::ObservationSink& next_;
  Log& log_;
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
