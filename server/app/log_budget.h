#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "jobs/time.h"

namespace app {

// How many lines of each kind of event may be logged, so that one that comes in floods does not drown the others: so
// many at once, then so many a second. Pure: time is an argument, and does not go back.
class LogBudget {
 public:
  LogBudget(int at_once, int per_second) : most_(at_once * kLine), refill_(per_second) {}

  // Whether to log one more: then, how many of its kind were left out since the last.
  std::optional<std::uint64_t> Take(std::string_view event, jobs::Steady now) {
    const auto found = events_.find(event);
    Event& of = found != events_.end() ? found->second
                                       : events_.emplace(std::string(event), Event{most_, now, 0}).first->second;
    of.left = std::min(most_, of.left + (now - of.since) * refill_);
    of.since = now;
    if (of.left < kLine) {
      ++of.left_out;
      return std::nullopt;
    }
    of.left -= kLine;
    return std::exchange(of.left_out, 0);
  }

 private:
  // A line costs a second; each second gives as many as may be logged in it.
  static constexpr jobs::Duration kLine = std::chrono::seconds(1);
  struct Event {
    jobs::Duration left;
    jobs::Steady since;
    std::uint64_t left_out;
  };
  const jobs::Duration most_;
  const int refill_;
  std::map<std::string, Event, std::less<>> events_;
};

}  // namespace app
