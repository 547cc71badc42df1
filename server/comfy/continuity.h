#pragma once

#include <cstdint>
#include <optional>

#include "jobs/backend_error.h"
#include "jobs/time.h"

namespace comfy {

// Whether we have been watching a server without a gap: whether something could have happened to its queue that no
// answer would tell of. Between two answers on one kept-alive connection the process is the same. A connection that was
// dropped, or a question without an answer, is a gap; a refused or dropped connection is also a sign of a restart. One
// slow answer is neither. Pure.
class Continuity {
 public:
  // A point in the watch, to be compared with a later one.
  struct Mark {
    std::uint64_t gaps = 0;
    std::uint64_t restarts = 0;
    bool operator==(const Mark&) const = default;
  };

  void Answered(bool new_connection, int http_status, jobs::Steady now);
  void Failed(jobs::BackendError::Kind kind);

  Mark mark() const { return mark_; }
  bool GapSince(const Mark& mark) const { return mark_.gaps != mark.gaps; }
  bool RestartSince(const Mark& mark) const { return mark_.restarts != mark.restarts; }

  // On a server (or a proxy before it) that keeps no connections, answers this close together leave no room for a
  // restart: ComfyUI takes longer to come up.
  static constexpr jobs::Duration kCloseAnswers = std::chrono::seconds(3);
  // aiohttp 3.8 closes a connection that was quiet for 75 s; after less than this a dropped one means more.
  static constexpr jobs::Duration kKeepAlive = std::chrono::seconds(70);

 private:
  Mark mark_;
  bool keeps_connections_ = false;        // it has answered on a kept-alive connection
  bool may_close_ = true;                 // the last answer is one after which a server closes
  std::optional<jobs::Steady> answered_;  // last
};

}  // namespace comfy
