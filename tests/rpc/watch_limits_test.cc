#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;

Served::Options OneWatch() {
  return {.server = {.max_watches = 1, .watch_times = {.heartbeat_interval = 1ms}}};
}

TEST(WatchLimits, RefuseOneWatchTooManyUntilAnotherLeaves) {
  Served served({.server = {.max_watches = 2}});
  served.Observe(Queue({"a"}, {}));
  WatchCall first(*served.stub, WatchRequest({}));
  auto second = std::make_unique<WatchCall>(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(first.ReadStatus());
  ASSERT_TRUE(second->ReadStatus());
  const grpc::Status refused = WatchCall(*served.stub, WatchRequest({})).Finish();
  EXPECT_EQ(CodeAndReason(refused), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
  EXPECT_GT(DetailsOf(refused).retry_after_seconds.value_or(0), 0);
  second.reset();
  EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({})));
  served.Observe(Completed("a"));
  EXPECT_EQ(first.ReadStatus()->state(), pb::JOB_STATE_COMPLETED) << "the others are not disturbed";
}

TEST(WatchLimits, RefuseAPeerThatHasAllOfItsOwnAndNoOther) {
  Served served({.server = {.max_watches_per_peer = 2}});
  served.Observe(Queue({"a"}, {}));
  const auto also_here = served.Connect();
  WatchCall first(*served.stub, WatchRequest({"a"}));
  auto second = std::make_unique<WatchCall>(*also_here, WatchRequest({"a"}));
  ASSERT_TRUE(first.ReadStatus());
  ASSERT_TRUE(second->ReadStatus());
  const grpc::Status refused = WatchCall(*served.stub, WatchRequest({"a"})).Finish();
  EXPECT_EQ(CodeAndReason(refused), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
  EXPECT_EQ(DetailsOf(refused).metadata.at("limit"), "max_watches_per_peer");
  EXPECT_GT(DetailsOf(refused).retry_after_seconds.value_or(0), 0);
  EXPECT_EQ(served.server->limits_met().max_watches_per_peer, 1u);
  EXPECT_EQ(served.server->limits_met().max_watches, 0u);

  const auto elsewhere = served.ConnectFrom("127.0.0.2");
  WatchCall other(*elsewhere, WatchRequest({"a"}));
  WatchCall another(*elsewhere, WatchRequest({"a"}));
  ASSERT_TRUE(other.ReadStatus());
  ASSERT_TRUE(another.ReadStatus());
  EXPECT_EQ(CodeAndReason(WatchCall(*elsewhere, WatchRequest({"a"})).Finish()), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
  second.reset();
  EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({"a"})));
  served.Observe(Completed("a"));
  for (WatchCall* const watch : {&first, &other, &another}) {
    EXPECT_EQ(watch->ReadStatus()->state(), pb::JOB_STATE_COMPLETED) << "the others are not disturbed";
    EXPECT_TRUE(watch->Finish().ok());
  }
}

TEST(WatchLimits, OfAPeerLeavePlacesToOthers) {
  Served served({.server = {.max_watches = 3, .max_watches_per_peer = 2}});
  served.Observe(Queue({"a"}, {}));
  std::vector<std::unique_ptr<WatchCall>> noisy;
  for (int i = 0; i < 10; ++i) noisy.push_back(std::make_unique<WatchCall>(*served.stub, WatchRequest({"a"})));
  for (auto& watch : noisy) watch->Read();
  const auto elsewhere = served.ConnectFrom("127.0.0.2");
  WatchCall last(*elsewhere, WatchRequest({"a"}));
  EXPECT_TRUE(last.ReadStatus());
  const grpc::Status refused = WatchCall(*served.ConnectFrom("127.0.0.3"), WatchRequest({"a"})).Finish();
  EXPECT_EQ(DetailsOf(refused).metadata.at("limit"), "max_watches");
  EXPECT_EQ(served.server->limits_met().max_watches_per_peer, 8u);
  EXPECT_EQ(served.server->limits_met().max_watches, 1u);
}

TEST(WatchLimits, GiveAPlaceBackWhenAWatchEndsByItself) {
  Served served(OneWatch());
  served.Observe(Completed("a"));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({"a"}))->Finish().ok());
}

TEST(WatchLimits, GiveAPlaceBackWhenTheCallerLeavesBeforeItHasReadAnything) {
  Served served(OneWatch());
  served.Observe(Queue({"a"}, {}));
  for (int i = 0; i < 50; ++i) WatchCall(*served.stub, WatchRequest({"a"})).Cancel();
  EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({"a"})));
}

TEST(WatchLimits, GiveAPlaceBackWhenTheCallerLeavesAnIdleWatch) {
  Served served({.server = {.max_watches = 1}});
  served.Observe(Queue({"a"}, {}));
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({"a"}))->revision());
}

TEST(WatchLimits, GiveAPlaceBackWhenTheCallerLeavesAmongHeartbeats) {
  Served served(OneWatch());
  pb::WatchStatusRequest unknown = WatchRequest({"x"});
  unknown.mutable_wait_for_job()->set_seconds(3600);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(served.WatchOnceAdmitted(unknown)->Read());
}

TEST(WatchLimits, GiveAPlaceBackWhenTheCallersDeadlinePasses) {
  Served served(OneWatch());
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}), 50ms);
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({"a"})));
}

TEST(WatchLimits, GiveAPlaceBackWhenTheConnectionIsLost) {
  Served served(OneWatch());
  served.Observe(Queue({"a"}, {}));
  {
    const auto other = served.Connect();
    WatchCall watch(*other, WatchRequest({"a"}));
    ASSERT_TRUE(watch.ReadStatus());
  }
  EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({"a"})));
}

TEST(WatchLimits, EndAWatchWhoseReaderTakesNothing) {
  Served served({.server = {.max_watches = 1, .watch_times = {.write_stall_limit = 50ms}}});
  for (int i = 0; i < 500; ++i) {
    jobs::HistoryObserved failed = Failed("big " + std::to_string(i));
    failed.entry.error.traceback = {std::string(jobs::kMaxTracebackBytes, 'x')};
    served.Observe(failed);
  }
  const auto slow = served.Connect(/*small_window=*/true);
  WatchCall stuck(*slow, WatchRequest({}));
  ASSERT_TRUE(stuck.ReadStatus());
  EXPECT_TRUE(served.WatchOnceAdmitted(WatchRequest({}))) << "its place is free";
  const grpc::Status status = stuck.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("write_stall_limit"));
  EXPECT_EQ(served.server->limits_met().write_stall_limit, 1u);
}

TEST(WatchLimits, RefuseBadArgumentsBeforeAPlaceIsTaken) {
  Served served({.server = {.max_watches = 1, .max_ids_per_watch = 2}});
  const auto refusal = [&](const pb::WatchStatusRequest& request) { return WatchCall(*served.stub, request).Finish(); };
  EXPECT_THAT(DetailsOf(refusal(WatchRequest({"a", "b", "c"}))).bad_fields, Contains(Key("job_ids")));
  EXPECT_EQ(served.server->limits_met().max_ids_per_watch, 1u);
  EXPECT_THAT(DetailsOf(refusal(WatchRequest({""}))).bad_fields, Contains(Key("job_ids")));
  pb::WatchStatusRequest negative = WatchRequest({"a"});
  negative.mutable_min_interval()->set_seconds(-1);
  EXPECT_THAT(DetailsOf(refusal(negative)).bad_fields, Contains(Key("min_interval")));
  negative = WatchRequest({"a"});
  negative.mutable_wait_for_job()->set_nanos(-1);
  EXPECT_THAT(DetailsOf(refusal(negative)).bad_fields, Contains(Key("wait_for_job")));
  pb::WatchStatusRequest elsewhere = WatchRequest({});
  elsewhere.set_backend("gpu9");
  EXPECT_EQ(CodeAndReason(refusal(elsewhere)), "NOT_FOUND BACKEND_NOT_FOUND");
  served.Observe(Queue({"a"}, {}));
  EXPECT_TRUE(WatchCall(*served.stub, WatchRequest({"a"})).ReadStatus());
}

TEST(WatchLimits, LetAThousandIdsBeNamed) {
  Served served;
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.push_back(std::string(252, 'j') + std::to_string(1000 + i));
  for (const std::string& id : ids) served.Observe(Completed(id));
  WatchCall watch(*served.stub, WatchRequest(ids));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(watch.read().size(), 1000u);
}

}  // namespace
