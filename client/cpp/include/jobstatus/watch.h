// Following jobs as they change.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobstatus/error.h"
#include "jobstatus/messages.h"

namespace jobstatus {

struct WatchRequest {
  // Jobs to watch, by ComfyUI's prompt_id. Empty: all jobs.
  std::vector<std::string> job_ids;
  // Configured name of the ComfyUI server. Empty: all of them.
  std::string backend;
  // Only what is newer than this revision. 0: how things are now; of all jobs, what is unfinished or has ended lately.
  std::uint64_t after_revision = 0;
  // Thins updates of progress to one in this time. 0: every change.
  std::chrono::milliseconds min_interval{0};
  // How long a named job may stay unknown before the watch ends with NOT_FOUND. 0: it is looked up once. Counted from
  // the start of the watch, over lost connections too.
  std::chrono::milliseconds wait_for_job{0};
  // Limit of the whole watch, attaching again included. Absent: none.
  std::optional<std::chrono::milliseconds> timeout;
  // An attempt that fails before the first message ends the watch, even if trying again might help. For callers at
  // whose elbow sits a person who may have mistyped the address.
  bool fail_fast = false;
};

// What a watch tells. Each may be empty. They are called one at a time, in order, on the watch's own thread; while one
// runs nothing more is read, so a slow one gets the newest status of each job and misses those in between. They must
// not throw.
struct WatchEvents {
  std::function<void(const JobStatus&)> on_status;
  // The service is there and has nothing new. Everything up to `revision` has been told.
  std::function<void(std::uint64_t revision)> on_heartbeat;
  // The connection is lost, or could not be made; the next attempt starts in `wait`. `attempt` counts from 1 in each
  // outage. A service that limits the age of connections is come back to without a word.
  std::function<void(const Error& why, std::chrono::milliseconds wait, int attempt)> on_retry;
  // The first message after one or more on_retry has come.
  std::function<void()> on_reattached;
  // The watch is over: all named jobs are terminal, or an error that trying again cannot help, or CANCELLED. The last
  // call.
  std::function<void(const Result<void>&)> on_end;
};

// A running watch. Survives the service going down: it attaches again from the last revision received, with growing
// waits, until it ends by itself or is cancelled. Destroying it cancels it and returns when the last event has
// returned; so it must not be destroyed from inside one of its events (call Cancel there). May outlive the Client it
// came from.
class Watch {
 public:
  Watch(Watch&&) noexcept;
  Watch& operator=(Watch&&) noexcept;
  ~Watch();

  // Asks the watch to end with CANCELLED. Returns at once; may be called from any thread and from the watch's events.
  void Cancel();

  // Returns how the watch ended, once it has and its last event has returned. Not from inside an event; one thread at a
  // time.
  Result<void> Wait();

 private:
  friend class Client;
  struct Running;
  explicit Watch(std::unique_ptr<Running> running);

  std::unique_ptr<Running> running_;
};

}  // namespace jobstatus
