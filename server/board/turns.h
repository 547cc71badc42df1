#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "jobs/time.h"

namespace board {

// So many at once, then one each `interval`. Pure: time is passed in; one that goes back is taken to stand still.
class TokenBucket {
 public:
  TokenBucket(std::size_t burst, jobs::Duration interval)
      : head_start_(static_cast<std::int64_t>(burst - 1) * interval), interval_(interval) {}

  // False: there is none at `now`; the next is there at next().
  bool Take(jobs::Steady now);
  jobs::Steady next() const { return full_at_ - head_start_; }
  bool IsFull(jobs::Steady now) const { return full_at_ <= now; }

 private:
  jobs::Duration head_start_;
  jobs::Duration interval_;
  jobs::Steady full_at_{};
};

// Who may ask ComfyUI now, and who when: each caller has `per_second` turns a second and may save up those of one
// second. One who does not want to be refused stands in the line of its caller. Not thread-safe; no clock.
class Turns {
 public:
  explicit Turns(std::size_t per_second);

  // Takes a turn at once. False: the caller has none left, or others of it stand in line.
  bool Take(const std::string& caller, jobs::Steady now);

  // From now until one who asks again may have a turn.
  jobs::Duration Wait(const std::string& caller, jobs::Steady now) const;

  // Behind those of the caller that stand there. `id`: greater than that of any before.
  void Line(const std::string& caller, std::uint64_t id);
  void Leave(const std::string& caller, std::uint64_t id);

  // Takes those whose turn has come out of the line.
  std::set<std::uint64_t> Due(jobs::Steady now);

  // When the next one's comes; max(): nobody stands in line.
  jobs::Steady next() const;

  // How many callers are remembered: those who used turns within the last second, or of whom somebody is in line; and
  // at most as many again.
  std::size_t callers() const { return callers_.size(); }

 private:
  struct Caller {
    TokenBucket bucket;
    std::set<std::uint64_t> line;
  };
  Caller& At(const std::string& caller, jobs::Steady now);

  const std::size_t per_second_;
  const jobs::Duration interval_;
  std::map<std::string, Caller> callers_;
  std::set<std::string> in_line_;  // callers of whom somebody stands there
  std::size_t forget_at_ = 64;     // as many callers: time to forget those who need not be remembered
};

}  // namespace board
