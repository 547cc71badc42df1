#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comfy/deafness.h"
#include "comfy/http_client.h"
#include "comfy/seat.h"
#include "comfy/traffic.h"
#include "jobs/observation.h"
#include "jobs/submitter.h"

namespace comfy {

struct ListenerOptions {
  bool enabled = true;
  std::string client_id;  // callers submit with it; begins with kClientIdPrefix, so that the companion node knows us
  bool attach = false;    // take the seats of running jobs' submitters, which then hear nothing more
  std::size_t max_attached = 4;
  Deafness::Limits deafness;
  jobs::Duration features_limit = std::chrono::seconds(10);       // for the answer to feature_flags, where there is one
  jobs::Duration flush_interval = std::chrono::milliseconds(50);  // between things told of how far jobs are
  SeatOptions seat;
};

inline constexpr std::string_view kClientIdPrefix = "jobstatus-";

// Listens to the live events of one ComfyUI server. Events are never proof of how a job stands: they say that it is
// time to look, and how far a running job is. Lives on the event loop's thread.
class Listener {
 public:
  // `tell`: takes RunEventsHeard and ListeningObserved. `look`: the queue may have changed; `is_back`: ComfyUI has just
  // taken us in, so that it is there. `cut`: the other side has ended our socket.
  Listener(boost::asio::io_context& io, const HttpOptions& http, ListenerOptions options,
           std::function<void(jobs::Observation)> tell, std::function<void(bool is_back)> look,
           std::function<void()> cut, Traffic& traffic);

  void Start();
  void Stop();

  // ComfyUI is there again: a socket that is waited with is tried now.
  void Retry();

  // A running job as the queue shows it.
  struct RunningJob {
    std::string job_id;
    jobs::Submitter submitter = jobs::Submitter::kUnknown;
    std::string client_id;  // of kOther, where it is one that a socket can have
  };

  // The queue was asked at `asked_at`; `changed` since it was asked before; `running` absent where that was not seen.
  void Looked(jobs::Steady asked_at, bool changed, const std::optional<std::vector<RunningJob>>& running);

  // Tells what was heard and not yet told, so that it does not come behind what is seen from now on.
  void Flush();

  // The jobs that were heard to be over since this was last called, or some of them.
  std::vector<std::string> TakeOver() { return std::exchange(over_, {}); }

  // Each change of the queue is heard of.
  bool hears() const { return seated_ && !deafness_.suspected(); }

  const std::string& client_id() const { return options_.client_id; }

 private:
  void Taken();
  void Lost(const jobs::BackendError& error);
  void Heard(const SocketMessage& message);
  void Collect(const jobs::RunEvent& event);
  void Attach(const std::vector<RunningJob>& running);

  boost::asio::io_context& io_;
  const HttpOptions& http_;
  const ListenerOptions options_;
  const std::function<void(jobs::Observation)> tell_;
  const std::function<void(bool)> look_;
  const std::function<void()> cut_;
  Traffic& traffic_;

  std::shared_ptr<Seat> seat_;
  bool seated_ = false;
  Deafness deafness_;
  bool answers_features_ = false;  // this server does
  std::optional<jobs::Steady> features_due_;
  std::vector<std::string> own_running_;
  std::map<std::string, std::shared_ptr<Seat>> attached_;  // by client id

  std::vector<std::string> over_;
  std::vector<jobs::RunEvent> collected_;
  jobs::Steady flushed_at_{};
  bool flush_armed_ = false;
  boost::asio::steady_timer flush_timer_;
  bool stopped_ = false;
};

}  // namespace comfy
