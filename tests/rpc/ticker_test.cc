#include "rpc/ticker.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>

namespace rpc {
namespace {

using namespace std::chrono_literals;

// Counts its calls.
class Counted final : public Ticked {
 public:
  void OnTick(jobs::Steady now) override {
    const std::lock_guard lock(mutex_);
    ++calls_;
    last_ = now;
    if (on_tick) on_tick();
    called_.notify_all();
  }

  // Returns the time of the last call, once there have been so many.
  jobs::Steady Await(int calls) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(called_.wait_for(lock, 20s, [&] { return calls_ >= calls; }));
    return last_;
  }
  int calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

  std::function<void()> on_tick;

 private:
  mutable std::mutex mutex_;  // guards the three below
  std::condition_variable called_;
  int calls_ = 0;
  jobs::Steady last_{};
};

TEST(Ticker, CallsWhenTheTimeHasComeAndNotBefore) {
  Ticker ticker;
  const auto one = std::make_shared<Counted>();
  const jobs::Steady when = SteadyNow() + 2ms;
  ticker.CallAt(when, one);
  EXPECT_GE(one->Await(1), when);
}

TEST(Ticker, CallsInTheOrderOfTimeWhateverTheOrderOfAsking) {
  Ticker ticker;
  const auto early = std::make_shared<Counted>();
  const auto late = std::make_shared<Counted>();
  int early_calls_then = 0;
  late->on_tick = [&] { early_calls_then = early->calls(); };
  const jobs::Steady now = SteadyNow();
  ticker.CallAt(now + 20ms, late);
  ticker.CallAt(now + 1ms, early);
  late->Await(1);
  EXPECT_EQ(early_calls_then, 1);
}

TEST(Ticker, MakesOneCallHoweverOftenItWasAskedAndAtTheEarliestTime) {
  Ticker ticker;
  const auto one = std::make_shared<Counted>();
  const auto after = std::make_shared<Counted>();
  const jobs::Steady now = SteadyNow();
  for (int i = 100; i > 0; --i) ticker.CallAt(now + 10ms + i * 10us, one);
  for (int i = 0; i < 100; ++i) ticker.CallAt(now + 11ms + i * 10us, one);
  ticker.CallAt(now + 20ms, after);
  after->Await(1);
  EXPECT_EQ(one->calls(), 1);
  ticker.CallAt(SteadyNow(), one);
  one->Await(2);
}

TEST(Ticker, CanBeAskedFromInsideACall) {
  Ticker ticker;
  const auto one = std::make_shared<Counted>();
  one->on_tick = [&ticker, weak = std::weak_ptr(one)] { ticker.CallAt(SteadyNow(), weak); };
  ticker.CallAt(SteadyNow(), one);
  one->Await(1000);
}

TEST(Ticker, CallsNobodyWhoIsGone) {
  Ticker ticker;
  auto gone = std::make_shared<Counted>();
  const auto after = std::make_shared<Counted>();
  int calls = 0;
  gone->on_tick = [&] { ++calls; };
  const jobs::Steady now = SteadyNow();
  ticker.CallAt(now + 5ms, gone);
  ticker.CallAt(now + 6ms, after);
  gone.reset();
  after->Await(1);
  EXPECT_EQ(calls, 0);
}

TEST(Ticker, EndsWithCallsYetToCome) {
  const auto one = std::make_shared<Counted>();
  { Ticker().CallAt(SteadyNow() + 24h, one); }
  EXPECT_EQ(one->calls(), 0);
}

}  // namespace
}  // namespace rpc
