#include "board/turns.h"

#include <algorithm>
#include <vector>

namespace board {

bool TokenBucket::Take(jobs::Steady now) {
  if (next() > now) return false;
  full_at_ = std::max(full_at_, now) + interval_;
  return true;
}

Turns::Turns(std::size_t per_second)
    : per_second_(per_second),
      interval_(jobs::Duration(std::chrono::seconds(1)) / static_cast<std::int64_t>(per_second)) {}

Turns::Caller& Turns::At(const std::string& caller, jobs::Steady now) {
  if (callers_.size() >= forget_at_ && !callers_.contains(caller)) {
    std::erase_if(callers_,
                  [&](const auto& known) { return known.second.line.empty() && known.second.bucket.IsFull(now); });
    forget_at_ = std::max<std::size_t>(64, 2 * callers_.size());
  }
  return callers_.try_emplace(caller, TokenBucket(per_second_, interval_)).first->second;
}

bool Turns::Take(const std::string& caller, jobs::Steady now) {
  Caller& known = At(caller, now);
  return known.line.empty() && known.bucket.Take(now);
}

jobs::Duration Turns::Wait(const std::string& caller, jobs::Steady now) const {
  const auto known = callers_.find(caller);
  if (known == callers_.end()) return jobs::Duration(0);
  const auto ahead = static_cast<std::int64_t>(known->second.line.size());
  return std::max(jobs::Duration(0), known->second.bucket.next() - now) + ahead * interval_;
}

void Turns::Line(const std::string& caller, std::uint64_t id) {
  callers_.try_emplace(caller, TokenBucket(per_second_, interval_)).first->second.line.insert(id);
  in_line_.insert(caller);
}

void Turns::Leave(const std::string& caller, std::uint64_t id) {
  if (!in_line_.contains(caller)) return;
  std::set<std::uint64_t>& line = callers_.at(caller).line;
  if (line.erase(id) > 0 && line.empty()) in_line_.erase(caller);
}

std::set<std::uint64_t> Turns::Due(jobs::Steady now) {
  std::set<std::uint64_t> due;
  for (const std::string& caller : std::set(in_line_)) {
    Caller& known = callers_.at(caller);
    while (!known.line.empty() && known.bucket.Take(now)) due.insert(known.line.extract(known.line.begin()));
    if (known.line.empty()) in_line_.erase(caller);
  }
  return due;
}

jobs::Steady Turns::next() const {
  jobs::Steady next = jobs::Steady::max();
  for (const std::string& caller : in_line_) next = std::min(next, callers_.at(caller).bucket.next());
  return next;
}

}  // namespace board
