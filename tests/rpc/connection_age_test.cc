#include "rpc/connection_age.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

Served::Options Aged(jobs::Duration limit) {
  return {.server = {.watch_times = {.connection_age = {.limit = limit, .grace = 20s}}}};
}

TEST(ConnectionAge, LetsAWatchLiveUntilItsConnectionIsToldAndNotUntilItIsCut) {
  const rpc::ConnectionAge age{.limit = 100s, .grace = 30s};
  EXPECT_GT(age.OfWatch(0), 110s) << "gRPC tells at an age of 90 to 110 s";
  EXPECT_GT(age.OfWatch(0.5), age.OfWatch(0.2)) << "chance spreads them";
  EXPECT_EQ(age.UntilCut(), age.OfWatch(1) + 30s) << "whoever began just before it was told has as long as any other";
}

TEST(ConnectionAge, EndsAnIdleWatchCleanly) {
  Served served(Aged(50ms));
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  const grpc::Status ended = watch.Finish();
  EXPECT_EQ(CodeAndReason(ended), "UNAVAILABLE CONNECTION_AGE");
  EXPECT_LT(DetailsOf(ended).retry_after_seconds.value_or(1), 0.1);
  EXPECT_EQ(served.server->limits_met().max_connection_age, 1u);
}

TEST(ConnectionAge, SkipsNothingForWhoeverComesBack) {
  Served served(Aged(30ms));
  std::uint64_t revision = 0;
  int told = 0;
  int ended_cleanly = 0;
  while (ended_cleanly < 5) {
    WatchCall watch(*served.stub, WatchRequest({}, revision));
    for (;;) {
      served.Observe(Completed("job " + std::to_string(told)));
      const auto message = watch.Read();
      if (!message) break;
      ASSERT_EQ(message->status().job_id(), "job " + std::to_string(told++));
      revision = message->revision();
    }
    // Without a reason: gRPC closed the connection under a call that had just begun on it. A caller comes back from
    // that, too.
    const std::string end = CodeAndReason(watch.Finish());
    ASSERT_THAT(end, testing::AnyOf("UNAVAILABLE CONNECTION_AGE", "UNAVAILABLE"));
    if (end != "UNAVAILABLE") ++ended_cleanly;
  }
  EXPECT_GT(told, 5);
}

TEST(ConnectionAge, BringsTheCallerBackOnAnotherConnection) {
  Served served(Aged(50ms));
  served.Observe(Queue({"a"}, {}));
  const auto channel = grpc::CreateChannel(served.server->address(), grpc::InsecureChannelCredentials());
  const auto stub = pb::JobStatusService::NewStub(channel);
  for (int connection = 0; connection < 3; ++connection) {
    WatchCall watch(*stub, WatchRequest({"a"}));
    ASSERT_TRUE(watch.ReadStatus());
    EXPECT_EQ(CodeAndReason(watch.Finish()), "UNAVAILABLE CONNECTION_AGE");
    EXPECT_TRUE(channel->WaitForStateChange(GRPC_CHANNEL_READY, std::chrono::system_clock::now() + 20s))
        << "the connection is used on";
  }
}

TEST(ConnectionAge, CutsWhatHasNotEndedWhenTheGraceIsOver) {
  Served served({.server = {.watch_times = {.connection_age = {.limit = 50ms, .grace = 50ms}}}});
  const auto got = served.Get("x");  // nobody finds it
  EXPECT_EQ(got.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  served.Observe(Completed("y"));
  EXPECT_TRUE(served.Get("y").status.ok());
}

TEST(ConnectionAge, IsNoneUnlessItIsSet) {
  EXPECT_EQ(rpc::ConnectionAge().limit, 0s);
}

}  // namespace
