#include "rpc/loop.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "rpc/clock.h"

namespace rpc {
namespace {

using namespace std::chrono_literals;

// A loop that runs, with the queue of a server that nobody calls.
class Running {
 public:
  Running() {
    grpc::ServerBuilder builder;
    loop_ = std::make_unique<Loop>(builder.AddCompletionQueue());
    server_ = builder.BuildAndStart();
    loop_->Start();
  }
  ~Running() { Stop(); }

  void Stop() {
    server_->Shutdown();
    loop_->Stop();
  }

  // Returns once it has run on the loop.
  void Do(const std::function<void()>& what) {
    std::promise<void> done;
    loop_->inbox()->Post([&] {
      what();
      done.set_value();
    });
    done.get_future().wait();
  }

  Loop& operator*() { return *loop_; }
  Loop* operator->() { return loop_.get(); }

 private:
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<grpc::Server> server_;
};

// Says when it is called. Touched only on the loop, but for Await.
class Noted final : public Loop::Timed {
 public:
  explicit Noted(std::function<void()> then = [] {}) : then_(std::move(then)) {}

  void OnTick(jobs::Steady now) override {
    ++calls;
    then_();
    if (calls == 1) first_.set_value(now);
  }
  jobs::Steady AwaitFirst() { return first_.get_future().get(); }

  int calls = 0;

 private:
  const std::function<void()> then_;
  std::promise<jobs::Steady> first_;
};

// Calls another method when an operation is told.
class Event final : public Loop::Tag {
 public:
  explicit Event(std::function<void()> then) : then_(std::move(then)) {}
  void OnEvent(bool) override { then_(); }

 private:
  const std::function<void()> then_;
};

TEST(Loop, DoesWhatIsPostedInItsOrderOnOneThread) {
  Running loop;
  std::vector<int> done;
  for (int i = 0; i < 1000; ++i) {
    loop->inbox()->Post([&, i] {
      EXPECT_TRUE(loop->IsThisThread());
      done.push_back(i);
    });
  }
  loop.Do([] {});
  ASSERT_EQ(done.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
  EXPECT_FALSE(loop->IsThisThread());
}

TEST(Loop, DoesWhatManyThreadsPostAtOnce) {
  Running loop;
  int done = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) loop->inbox()->Post([&] { ++done; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  loop.Do([&] { EXPECT_EQ(done, 20'000); });
}

TEST(Loop, TellsWhatTheQueueHasBeforeItHasDoneAllOfAThousandThingsThatWerePosted) {
  Running loop;
  int done = 0;
  int done_then = -1;
  Event event([&] { done_then = done; });
  grpc::Alarm alarm;
  loop.Do([&] {
    for (int i = 0; i < 1000; ++i) {
      loop->inbox()->Post([&] {
        if (++done == 1) alarm.Set(&loop->queue(), gpr_inf_past(GPR_CLOCK_MONOTONIC), &event);
      });
    }
  });
  loop.Do([&] {
    EXPECT_EQ(done, 1000);
    EXPECT_GT(done_then, 0);
    EXPECT_LT(done_then, 200);
  });
}

TEST(Loop, TellsWhatTheQueueHasBeforeItHasMadeAllOfAThousandCallsThatWereDueTogether) {
  Running loop;
  std::deque<Noted> due;
  int called = 0;
  int called_then = -1;
  std::promise<void> all;
  Event event([&] { called_then = called; });
  grpc::Alarm alarm;
  const jobs::Steady now = SteadyNow();
  loop.Do([&] {
    for (int i = 0; i < 1000; ++i) {
      loop->CallAt(now, due.emplace_back([&] {
        if (++called == 1) alarm.Set(&loop->queue(), gpr_inf_past(GPR_CLOCK_MONOTONIC), &event);
        if (called == 1000) all.set_value();
      }));
    }
  });
  all.get_future().wait();
  loop.Do([&] {
    EXPECT_GT(called_then, 0);
    EXPECT_LT(called_then, 200);
  });
}

TEST(Loop, CallsWhenTheTimeHasComeAndNotBefore) {
  Running loop;
  Noted one;
  const jobs::Steady when = SteadyNow() + 2ms;
  loop.Do([&] { loop->CallAt(when, one); });
  EXPECT_GE(one.AwaitFirst(), when);
}

TEST(Loop, CallsInTheOrderOfTimeWhateverTheOrderOfAsking) {
  Running loop;
  std::vector<std::string> order;
  Noted early([&] { order.emplace_back("early"); });
  Noted late([&] { order.emplace_back("late"); });
  const jobs::Steady now = SteadyNow();
  loop.Do([&] {
    loop->CallAt(now + 20ms, late);
    loop->CallAt(now + 1ms, early);
  });
  late.AwaitFirst();
  EXPECT_EQ(order, (std::vector<std::string>{"early", "late"}));
}

TEST(Loop, MakesOneCallHoweverOftenItWasAskedAndAtTheEarliestTime) {
  Running loop;
  Noted one, after;
  const jobs::Steady now = SteadyNow();
  loop.Do([&] {
    for (int i = 100; i > 0; --i) loop->CallAt(now + 10ms + i * 10us, one);
    for (int i = 0; i < 100; ++i) loop->CallAt(now + 11ms + i * 10us, one);
    loop->CallAt(now + 20ms, after);
  });
  after.AwaitFirst();
  loop.Do([&] { EXPECT_EQ(one.calls, 1); });
}

TEST(Loop, CanBeAskedFromInsideACall) {
  Running loop;
  std::promise<void> enough;
  Noted* self = nullptr;
  Noted one([&] {
    if (self->calls == 1000) return enough.set_value();
    loop->CallAt(SteadyNow(), *self);
  });
  self = &one;
  loop.Do([&] { loop->CallAt(SteadyNow(), one); });
  enough.get_future().wait();
}

TEST(Loop, CallsNobodyWhoWasForgotten) {
  Running loop;
  Noted forgotten, after;
  const jobs::Steady now = SteadyNow();
  loop.Do([&] {
    loop->CallAt(now + 5ms, forgotten);
    loop->CallAt(now + 6ms, after);
    loop->Forget(forgotten);
  });
  after.AwaitFirst();
  loop.Do([&] { EXPECT_EQ(forgotten.calls, 0); });
}

TEST(Loop, EndsWithCallsYetToCome) {
  Noted one;
  {
    Running loop;
    loop.Do([&] { loop->CallAt(SteadyNow() + 24h, one); });
  }
  EXPECT_EQ(one.calls, 0);
}

TEST(Loop, HasDoneAllThatWasPostedWhenItEndsAndTakesNothingAfterwards) {
  Running loop;
  int done = 0;
  for (int i = 0; i < 1000; ++i) loop->inbox()->Post([&] { ++done; });
  const auto inbox = loop->inbox();
  loop.Stop();
  EXPECT_EQ(done, 1000);
  inbox->Post([&] { ++done; });
  EXPECT_EQ(done, 1000);
}

}  // namespace
}  // namespace rpc
