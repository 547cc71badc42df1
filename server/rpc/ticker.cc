#include "rpc/ticker.h"

#include <chrono>

namespace rpc {

jobs::Steady SteadyNow() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::steady_clock::now());
}
jobs::Time WallNow() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::system_clock::now());
}

Ticker::Ticker() : thread_([this] { Run(); }) {}

Ticker::~Ticker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Ticker::CallAt(jobs::Steady when, const std::weak_ptr<Ticked>& who) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    const auto [call, added] = call_of_.try_emplace(who, calls_.end());
    if (!added) {
      if (call->second->first <= when) return;
      calls_.erase(call->second);
    }
    call->second = calls_.emplace(when, who);
    first = call->second == calls_.begin();
  }
  if (first) changed_.notify_one();
}

void Ticker::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (calls_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = calls_.begin();
    const jobs::Steady now = SteadyNow();
    if (const jobs::Steady when = first->first; when > now) {
      changed_.wait_until(lock, when);
      continue;
    }
    const std::weak_ptr<Ticked> who = std::move(first->second);
    call_of_.erase(who);
    calls_.erase(first);
    lock.unlock();
    if (const auto alive = who.lock()) alive->OnTick(now);
    lock.lock();
  }
}

}  // namespace rpc
