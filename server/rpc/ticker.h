#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "jobs/time.h"

namespace rpc {

// Somebody who wants to be called when a time has come.
class Ticked {
 public:
  virtual ~Ticked() = default;
  virtual void OnTick(jobs::Steady now) = 0;
};

// Calls at given times: heartbeats, thinned updates, stalled writes. One thread of its own that only waits and calls;
// grpc::Alarm is no substitute, since its callback may come after its destruction (1.51).
class Ticker {
 public:
  Ticker();
  ~Ticker();  // no call is made after it

  // Calls `who` at `when`, if it is still there then. Each has one call to come, the earliest asked for, so that a
  // watch which asks with every message takes no more room and no more calls than a quiet one.
  void CallAt(jobs::Steady when, const std::weak_ptr<Ticked>& who);

 private:
  void Run();

  using Calls = std::multimap<jobs::Steady, std::weak_ptr<Ticked>>;

  std::mutex mutex_;  // guards the three below
  std::condition_variable changed_;
  Calls calls_;
  std::map<std::weak_ptr<Ticked>, Calls::iterator, std::owner_less<>> call_of_;
  bool stopping_ = false;
  std::thread thread_;  // runs Run
};

// The one reading of the monotonic clock in rpc/.
jobs::Steady SteadyNow();
// The one reading of the wall clock in rpc/.
jobs::Time WallNow();

}  // namespace rpc
