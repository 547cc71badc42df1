#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <thread>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

TEST(WatchResumed, TellsOnlyWhatIsNewer) {
  Served served;
  served.Observe(Queue({"a"}, {"b"}));
  WatchCall first(*served.stub, WatchRequest({}));
  first.ReadStatus();
  first.ReadStatus();
  served.Observe(Completed("a"));
  WatchCall second(*served.stub, WatchRequest({}, first.revision()));
  EXPECT_EQ(second.ReadStatus()->job_id(), "a");
  served.Observe(Queue({"b"}, {}));
  EXPECT_EQ(second.ReadStatus()->job_id(), "b");
}

TEST(WatchResumed, AfterTheEndOfItsJobsEndsAtOnce) {
  Served served;
  served.Observe(Completed("a"));
  WatchCall watch(*served.stub, WatchRequest({"a"}, served.Get("a").job.revision()));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_TRUE(watch.read().empty());
}

TEST(WatchResumed, JustBeforeTheEndOfItsJobTellsTheEnd) {
  Served served;
  served.Observe(Completed("a"));
  WatchCall watch(*served.stub, WatchRequest({"a"}, served.Get("a").job.revision() - 1));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(watch.read().size(), 1u);
}

TEST(WatchResumed, WithSomeJobsAlreadyToldWaitsForTheOthersAlone) {
  Served served;
  served.Observe(Queue({"b"}, {}));
  served.Observe(Completed("a"));
  WatchCall watch(*served.stub, WatchRequest({"a", "b"}, served.Get("a").job.revision()));
  served.Observe(Completed("b"));
  EXPECT_TRUE(watch.Finish().ok());
  ASSERT_EQ(watch.read().size(), 1u);
  EXPECT_EQ(watch.read()[0].job_id(), "b");
}

TEST(WatchResumed, FromARevisionOfTheFutureStillTellsEverything) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  WatchCall running(*served.stub, WatchRequest({"a"}, UINT64_MAX), 5s);
  EXPECT_EQ(running.ReadStatus().value_or(pb::JobStatus()).state(), pb::JOB_STATE_PROCESSING);
  served.Observe(Completed("a"));
  WatchCall ended(*served.stub, WatchRequest({"a"}, UINT64_MAX), 5s);
  EXPECT_EQ(ended.ReadStatus().value_or(pb::JobStatus()).state(), pb::JOB_STATE_COMPLETED);
}

// Jobs wander through all states in a random order, while watchers come, read a little, leave and come back.
TEST(WatchResumed, AgainAndAgainSkipsNothingAndRepeatsNothing) {
  for (const unsigned seed : {1u, 2u, 3u}) {
    Served served;
    const std::vector<std::string> ids = {"a", "b", "c", "d", "e"};
    served.Observe(Queue({}, ids));
    std::jthread publisher([&, random = std::mt19937(seed)](const std::stop_token& stop) mutable {
      while (!stop.stop_requested()) {
        std::vector<std::string> order = ids;
        std::ranges::shuffle(order, random);
        const auto running = order.begin() + static_cast<int>(random() % 3);
        if (random() % 4 == 0) served.Observe(Vanished(order[0]));
        served.Observe(Queue({order.begin(), running}, {running, order.end()}));
      }
      for (const std::string& id : ids) served.Observe(Completed(id));
    });
    const std::vector<std::string> named = seed == 2 ? std::vector<std::string>() : ids;
    std::mt19937 random(seed);
    std::map<std::string, pb::JobStatus> seen;
    std::uint64_t revision = 0;
    const auto read = [&](WatchCall& watch) {
      const auto status = watch.ReadStatus();
      if (!status) return false;
      EXPECT_GT(status->revision(), revision) << "repeated";
      revision = status->revision();
      seen[status->job_id()] = *status;
      return true;
    };
    for (int reconnect = 0; reconnect < 40; ++reconnect) {
      WatchCall watch(*served.stub, WatchRequest(named, revision));
      for (auto left = random() % 50; left > 0; --left) ASSERT_TRUE(read(watch));
    }
    publisher.request_stop();
    WatchCall last(*served.stub, WatchRequest(ids, revision));
    while (read(last)) {
    }
    EXPECT_TRUE(last.Finish().ok());
    for (const std::string& id : ids) EXPECT_EQ(seen[id].state(), pb::JOB_STATE_COMPLETED) << id;
  }
}

}  // namespace
