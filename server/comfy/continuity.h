#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "jobs/backend_error.h"
#include "jobs/queue.h"
#include "jobs/time.h"

namespace comfy {

// Whether we have been watching a server without a gap: whether something could have happened to its queue that no
// answer would tell of. Between two answers on one kept-alive connection the process is the same. Three things raise a
// doubt:
//   a look that was not answered: whatever happened meanwhile was missed, be the process the same or not;
//   a sign of a restart: a refused or dropped connection, a gateway without a server, numbers that start again;
//   a suspicion: something that comes with a restart and without one.
// One slow answer is none of these. Nor is any of them proof, which only a witness can give (see witnesses.h). Pure.
class Continuity {
 public:
  // A point in the watch, to be compared with another one; how often there was reason to doubt up to there. The default
  // one lies before the watch began.
  struct Mark {
    std::uint64_t unanswered = 0;
    std::uint64_t restarts = 0;
    std::uint64_t suspicions = 0;
    std::uint64_t doubts() const { return unanswered + restarts + suspicions; }
    bool operator==(const Mark&) const = default;
  };

  void Answered(bool new_connection, int http_status, jobs::Steady now);
  void Failed(jobs::BackendError::Kind kind);

  // A WebSocket that was open ended, and not by our doing.
  void SocketEnded() { ++mark_.suspicions; }

  // The queue as it stands: its counted numbers may tell that ComfyUI has begun to count again.
  void Listed(const jobs::QueueListing& listing);
  // A job was known to be of this number, though the queue may never have shown it.
  void Numbered(const std::string& job_id, jobs::QueueNumber number);

  const Mark& mark() const { return mark_; }
  // Something may have been missed, unless the process is known to be the same.
  bool DoubtSince(const Mark& mark) const { return mark_ != mark; }
  // Something may have been missed though the process is the same.
  bool UnansweredSince(const Mark& mark) const { return mark_.unanswered != mark.unanswered; }
  bool RestartSince(const Mark& mark) const { return mark_.restarts != mark.restarts; }

  // On a server (or a proxy before it) that keeps no connections, answers this close together leave no room for a
  // restart: ComfyUI takes longer to come up.
  static constexpr jobs::Duration kCloseAnswers = std::chrono::seconds(3);
  // aiohttp 3.8 closes a connection that was quiet for 75 s; after less than this a dropped one means more.
  static constexpr jobs::Duration kKeepAlive = std::chrono::seconds(70);
  // How many submissions may overtake one: ComfyUI counts a job when it comes and queues it once it is validated, for
  // which a custom node may take its time.
  static constexpr double kOvertaken = 256;

 private:
  Mark mark_{.unanswered = 1};            // before the watch began
  bool keeps_connections_ = false;        // it has answered on a kept-alive connection
  bool may_close_ = true;                 // the last answer is one after which a server closes
  std::optional<jobs::Steady> answered_;  // last
  // Whose each counted number is: of those in the queue when last listed, and of the last kOvertaken.
  std::map<jobs::QueueNumber, std::string> numbered_;
};

}  // namespace comfy
