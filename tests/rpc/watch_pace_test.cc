#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <thread>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::SizeIs;

// A stream that says every few milliseconds how far it is: after a heartbeat everything that was to be sent has been.
Served::Options QuickHeartbeats() {
  return {.server = {.watch_times = {.heartbeat_interval = 5ms}}};
}

std::uint64_t AwaitHeartbeat(WatchCall& watch) {
  while (const auto message = watch.Read()) {
    if (!message->has_status()) return message->revision();
  }
  ADD_FAILURE() << "the stream ended";
  return 0;
}

pb::WatchStatusRequest Thinned(pb::WatchStatusRequest request) {
  request.mutable_min_interval()->set_seconds(3600);
  return request;
}

TEST(WatchHeartbeats, BreakTheSilenceAndVouchForEverythingSoFar) {
  Served served(QuickHeartbeats());
  served.Observe(Queue({"a"}, {"b"}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  const std::uint64_t newest = served.Get("b").job.revision();
  EXPECT_EQ(AwaitHeartbeat(watch), newest) << "though b, which is newer, is not its affair";
  EXPECT_EQ(AwaitHeartbeat(watch), newest);
  WatchCall resumed(*served.stub, WatchRequest({"a"}, newest));
  served.Observe(Completed("a"));
  EXPECT_EQ(resumed.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
}

TEST(WatchHeartbeats, ComeWhileNothingIsKnownOfTheJob) {
  Served served(QuickHeartbeats());
  pb::WatchStatusRequest request = WatchRequest({"x"});
  request.mutable_wait_for_job()->set_seconds(3600);
  WatchCall watch(*served.stub, request);
  EXPECT_EQ(AwaitHeartbeat(watch), Served::kFirstRevision);
}

TEST(WatchHeartbeats, DoNotVouchForWhatIsBeingThinned) {
  Served served(QuickHeartbeats());
  served.Observe(QueueOf("a", 1));
  WatchCall watch(*served.stub, Thinned(WatchRequest({"a"})));
  const std::uint64_t sent = AwaitHeartbeat(watch);
  served.Observe(QueueOf("a", 2));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(AwaitHeartbeat(watch), sent);
  WatchCall resumed(*served.stub, WatchRequest({"a"}, sent));
  EXPECT_EQ(resumed.ReadStatus()->queue().size(), 2);
}

TEST(WatchMinInterval, ThinsMovesButNotChangesOfState) {
  Served served(QuickHeartbeats());
  served.Observe(QueueOf("a", 1));
  WatchCall watch(*served.stub, Thinned(WatchRequest({"a"})));
  AwaitHeartbeat(watch);
  for (int size = 2; size < 50; ++size) served.Observe(QueueOf("a", size));
  served.Observe(Queue({"a"}, {}));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_PROCESSING);
  AwaitHeartbeat(watch);
  served.Observe(Unreachable());
  EXPECT_TRUE(watch.ReadStatus()->stale()) << "not a movement either";
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_THAT(watch.read(), SizeIs(4));
}

TEST(WatchMinInterval, LetsAMoveThroughWhenItIsOver) {
  Served served;
  served.Observe(QueueOf("a", 1));
  pb::WatchStatusRequest request = WatchRequest({"a"});
  request.mutable_min_interval()->set_nanos(2'000'000);
  WatchCall watch(*served.stub, request);
  ASSERT_TRUE(watch.ReadStatus());
  for (int size = 2; size < 20; ++size) {
    served.Observe(QueueOf("a", size));
    EXPECT_EQ(watch.ReadStatus()->queue().size(), size);
  }
}

TEST(WatchMinInterval, ThinsMovesThatComeFasterThanTheyCanBeSent) {
  Served served;
  std::latch under_way(1);
  std::jthread publisher([&] {
    for (int i = 0; i < 20'000; ++i) {
      served.Observe(QueueOf("a", 1 + i % 2));
      if (i == 100) under_way.count_down();
    }
    served.Observe(Completed("a"));
  });
  under_way.wait();
  WatchCall watch(*served.stub, Thinned(WatchRequest({"a"})));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(watch.read().back().state(), pb::JOB_STATE_COMPLETED);
  EXPECT_THAT(watch.read(), SizeIs(2)) << "the first and the last";
}

// Failed jobs with long tracebacks fill whatever lies between the two ends.
void FillThePipe(Served& served) {
  for (int i = 0; i < 500; ++i) {
    jobs::HistoryObserved failed = Failed("big " + std::to_string(i));
    failed.entry.error.traceback = {std::string(jobs::kMaxTracebackBytes, 'x')};
    served.Observe(failed);
  }
}

TEST(WatchReader, WhoIsSlowMissesWhatIsInBetweenButNeverTheNewest) {
  Served served;
  const auto slow = served.Connect(/*small_window=*/true);
  FillThePipe(served);
  served.Observe(QueueOf("a", 1));
  WatchCall watch(*slow, WatchRequest({}));
  ASSERT_TRUE(watch.ReadStatus());
  constexpr int kPublished = 10'000;
  for (int size = 2; size < kPublished; ++size) served.Observe(QueueOf("a", 2 + size % 7));
  served.Observe(Completed("a"));
  ASSERT_TRUE(watch.ReadUntil("a", pb::JOB_STATE_COMPLETED));
  const auto of_a = std::ranges::count(watch.read(), "a", [](const auto& status) { return status.job_id(); });
  EXPECT_LT(of_a, kPublished / 100);
  EXPECT_EQ(watch.read().size(), 500u + static_cast<std::size_t>(of_a)) << "each of the others once";
}

TEST(WatchReader, WhoIsSlowKeepsNobodyWaiting) {
  Served served;
  const auto slow = served.Connect(/*small_window=*/true);
  FillThePipe(served);
  WatchCall stuck(*slow, WatchRequest({}));
  ASSERT_TRUE(stuck.ReadStatus());
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
}

}  // namespace
