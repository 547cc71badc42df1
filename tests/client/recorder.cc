#include "client/recorder.h"

#include <gtest/gtest.h>

namespace jobstatus {

WatchEvents Recorder::Events() {
  WatchEvents events;
  events.on_status = [this](const JobStatus& status) { Add([&](Told& told) { told.statuses.push_back(status); }); };
  events.on_heartbeat = [this](std::uint64_t revision) {
    Add([&](Told& told) { told.heartbeats.push_back(revision); });
  };
  events.on_retry = [this](const Error& why, std::chrono::milliseconds wait, int attempt) {
    Add([&](Told& told) {
      told.waits.push_back(wait);
      if (attempt == 1) told.outages.push_back(why);
    });
  };
  events.on_reattached = [this] { Add([](Told& told) { ++told.reattached; }); };
  events.on_end = [this](const Result<void>& end) { Add([&](Told& told) { told.end = end; }); };
  return events;
}

Recorder::Told Recorder::Await(const std::function<bool(const Told&)>& condition) {
  std::unique_lock lock(mutex_);
  EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return condition(told_); })) << "nothing came";
  return told_;
}

Recorder::Told Recorder::AwaitStatuses(std::size_t count) {
  return Await([count](const Told& told) { return told.statuses.size() >= count; });
}

Recorder::Told Recorder::AwaitEnd() {
  return Await([](const Told& told) { return told.end.has_value(); });
}

void Recorder::Add(const std::function<void(Told&)>& change) {
  {
    const std::scoped_lock lock(mutex_);
    change(told_);
  }
  changed_.notify_all();
}

}  // namespace jobstatus
