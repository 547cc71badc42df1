#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::vector<pb::JobState> StatesOf(const WatchCall& watch, const std::string& job_id) {
  std::vector<pb::JobState> states;
  for (const auto& status : watch.read()) {
    if (status.job_id() == job_id) states.push_back(status.state());
  }
  return states;
}

TEST(WatchStatus, TellsTheCurrentStatusAtOnceThenEachChangeAndEndsWithTheJob) {
  Served served;
  served.Observe(QueueOf("a", 1));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  EXPECT_EQ(watch.ReadStatus()->message(), "queued, 1st of 1");
  served.Observe(QueueOf("a", 2));
  EXPECT_EQ(watch.ReadStatus()->message(), "queued, 1st of 2");
  served.Observe(Queue({"a"}, {}));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_PROCESSING);
  served.Observe(Completed("a", "b.png"));
  const auto last = watch.ReadStatus();
  EXPECT_EQ(last->state(), pb::JOB_STATE_COMPLETED);
  EXPECT_EQ(last->outputs(0).filename(), "b.png");
  EXPECT_EQ(watch.ReadStatus(), std::nullopt);
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(WatchStatus, OfAJobThatHasEndedTellsItsEndAndEnds) {
  Served served;
  served.Observe(Failed("a", "out of memory"));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  EXPECT_EQ(watch.ReadStatus()->error().message(), "out of memory");
  EXPECT_EQ(watch.ReadStatus(), std::nullopt);
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(WatchStatus, OfSeveralJobsEndsWithTheLastAndTellsNothingOfAJobAfterItsEnd) {
  Served served;
  served.Observe(Queue({"a"}, {"b", "c", "other"}));
  WatchCall watch(*served.stub, WatchRequest({"a", "b", "a", "c", "a"}));
  ASSERT_TRUE(watch.ReadUntil("c", pb::JOB_STATE_QUEUED));
  served.Observe(Completed("a"));
  ASSERT_TRUE(watch.ReadUntil("a", pb::JOB_STATE_COMPLETED));
  served.Observe(Queue({"c"}, {}));
  served.Observe(Vanished("b"));
  ASSERT_TRUE(watch.ReadUntil("b", pb::JOB_STATE_LOST));
  served.Observe(Failed("c"));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_THAT(StatesOf(watch, "a"), ElementsAre(pb::JOB_STATE_PROCESSING, pb::JOB_STATE_COMPLETED));
  EXPECT_THAT(StatesOf(watch, "c"), ElementsAre(pb::JOB_STATE_QUEUED, pb::JOB_STATE_PROCESSING, pb::JOB_STATE_FAILED));
  EXPECT_THAT(StatesOf(watch, "other"), IsEmpty());
}

TEST(WatchStatus, GoesOnWithALostJobThatIsSeenAgainWhileItsOtherJobsGoOn) {
  Served served;
  served.Observe(Queue({"a"}, {"b"}));
  WatchCall watch(*served.stub, WatchRequest({"a", "b"}));
  served.Observe(Vanished("a"));
  ASSERT_TRUE(watch.ReadUntil("a", pb::JOB_STATE_LOST));
  served.Observe(Queue({"a"}, {"b"}));
  ASSERT_TRUE(watch.ReadUntil("a", pb::JOB_STATE_PROCESSING));
  served.Observe(Completed("b"));
  ASSERT_TRUE(watch.ReadUntil("b", pb::JOB_STATE_COMPLETED));
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(WatchStatus, WithoutIdsTellsOfEveryJobAndEndsOnlyWhenTheCallerLeaves) {
  Served served;
  served.Observe(Completed("a"));
  served.Observe(Queue({"b"}, {}));
  WatchCall watch(*served.stub, WatchRequest({}));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "a");
  EXPECT_EQ(watch.ReadStatus()->job_id(), "b");
  served.Observe(Completed("b"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
  served.Observe(Queue({}, {"c"}));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "c");
  watch.Cancel();
  EXPECT_EQ(watch.Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST(WatchStatus, TellsOnlyOfTheBackendThatIsNamed) {
  Served served({.backends = {"gpu", "gpu2"}});
  served.Observe("gpu2", Queue({"a"}, {}));
  served.Observe("gpu", Queue({"a"}, {}));
  pb::WatchStatusRequest of_all = WatchRequest({});
  of_all.set_backend("gpu2");
  pb::WatchStatusRequest of_one = WatchRequest({"a"});
  of_one.set_backend("gpu2");
  WatchCall all(*served.stub, of_all);
  WatchCall one(*served.stub, of_one);
  served.Observe("gpu", Completed("a"));
  served.Observe("gpu2", Failed("a"));
  EXPECT_TRUE(one.Finish().ok());
  EXPECT_EQ(one.read().back().state(), pb::JOB_STATE_FAILED);
  ASSERT_TRUE(all.ReadUntil("a", pb::JOB_STATE_FAILED));
  for (const auto* watch : {&all, &one}) {
    for (const auto& status : watch->read()) EXPECT_EQ(status.backend(), "gpu2");
  }
}

TEST(WatchStatus, OfABackendThatGoesAwayIsStaleOnceAndBackOnceAndGoesOn) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  EXPECT_FALSE(watch.ReadStatus()->stale());
  for (int i = 0; i < 3; ++i) served.Observe(Unreachable());
  const auto stale = watch.ReadStatus();
  EXPECT_TRUE(stale->stale());
  EXPECT_EQ(stale->state(), pb::JOB_STATE_PROCESSING);
  for (int i = 0; i < 3; ++i) served.Observe(Queue({"a"}, {}));
  EXPECT_FALSE(watch.ReadStatus()->stale());
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(WatchStatus, LeavesJobsThatHaveEndedAloneWhenTheirBackendGoesAway) {
  Served served;
  served.Observe(Queue({}, {"a"}));
  served.Observe(Completed("b"));
  WatchCall watch(*served.stub, WatchRequest({}));
  ASSERT_TRUE(watch.ReadUntil("b", pb::JOB_STATE_COMPLETED));
  served.Observe(Unreachable());
  EXPECT_EQ(watch.ReadStatus()->job_id(), "a");
  served.Observe(Queue({}, {"a"}));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "a");
}

TEST(WatchStatus, AnswersWithItsInitialMetadataThoughThereIsNoNews) {
  Served served({.server = {.watch_times = {.heartbeat_interval = 1h}}});
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}, served.Get("a").job.revision()));
  watch.AwaitInitialMetadata();  // else the call's deadline passes, and the rest fails
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
}

TEST(WatchStatus, ManyWatchersOfOneJobAllSeeItsEnd) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 100; ++i) watches.push_back(std::make_unique<WatchCall>(*served.stub, WatchRequest({"a"})));
  for (const auto& watch : watches) ASSERT_TRUE(watch->ReadStatus());
  served.Observe(Completed("a"));
  for (const auto& watch : watches) {
    EXPECT_TRUE(watch->Finish().ok());
    EXPECT_EQ(watch->read().back().state(), pb::JOB_STATE_COMPLETED);
  }
}

TEST(WatchStatus, TellsTheEndOfAJobThatTheServiceForgetsAtOnce) {
  Served served({.limits = {.keep_finished = 0s, .max_finished_jobs = 0}});
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}), 5s);
  ASSERT_TRUE(watch.ReadStatus());
  served.Observe(Completed("a"));
  EXPECT_EQ(CodeAndReason(watch.Finish()), "OK");
  EXPECT_EQ(watch.read().back().state(), pb::JOB_STATE_COMPLETED);
}

}  // namespace
