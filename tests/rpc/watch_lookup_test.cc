#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "rpc/clock.h"
#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using Kind = jobs::BackendError::Kind;

pb::WatchStatusRequest WaitingFor(const std::vector<std::string>& job_ids) {
  pb::WatchStatusRequest request = WatchRequest(job_ids);
  request.mutable_wait_for_job()->set_seconds(3600);
  return request;
}

TEST(WatchOfAnUnknownJob, EndsWithNotFoundAfterOneLookWhenItDoesNotWait) {
  Served served;
  WatchCall watch(*served.stub, WatchRequest({"x"}));
  served.sources["gpu"].AwaitLooks("x");
  served.Missed("x");
  const grpc::Status status = watch.Finish();
  EXPECT_EQ(CodeAndReason(status), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_EQ(DetailsOf(status).metadata.at("job_id"), "x");
}

TEST(WatchOfAnUnknownJob, IsToldOfTheJobThatALookFinds) {
  Served served;
  WatchCall watch(*served.stub, WatchRequest({"x"}));
  served.sources["gpu"].AwaitLooks("x");
  served.Observe(Completed("x"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(WatchOfAnUnknownJob, WaitsForTheJobToBeSubmitted) {
  Served served;
  WatchCall watch(*served.stub, WaitingFor({"x"}));
  served.sources["gpu"].AwaitLooks("x");
  for (int i = 0; i < 3; ++i) served.Missed("x");
  served.Observe(Queue({}, {"x"}));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_QUEUED);
  served.Observe(Completed("x"));
  EXPECT_TRUE(watch.Finish().ok());
}

TEST(WatchOfAnUnknownJob, EndsWithNotFoundWhenTheWaitIsOver) {
  Served served;
  WatchCall watch(*served.stub, WaitingFor({"x"}));
  served.sources["gpu"].AwaitLooks("x");
  served.Observe(jobs::LookupMissed{"x", rpc::SteadyNow() + 59min});
  served.Observe(jobs::LookupMissed{"x", rpc::SteadyNow() + 61min});
  EXPECT_EQ(CodeAndReason(watch.Finish()), "NOT_FOUND JOB_NOT_FOUND");
}

TEST(WatchOfAnUnknownJob, EndsWithUnavailableWhenABackendCouldNotBeAsked) {
  Served served({.backends = {"gpu", "gpu2"}});
  WatchCall watch(*served.stub, WatchRequest({"x"}));
  served.sources["gpu2"].AwaitLooks("x");
  served.NotAsked("x", {.kind = Kind::kTimeout, .detail = "late"}, "gpu");
  served.Missed("x", "gpu2");
  const grpc::Status status = watch.Finish();
  EXPECT_EQ(CodeAndReason(status), "UNAVAILABLE BACKEND_TIMEOUT");
  EXPECT_EQ(DetailsOf(status).metadata.at("backend"), "gpu");
}

TEST(WatchOfAnUnknownJob, OutlivesABackendThatIsAwayWhileItWaits) {
  Served served;
  WatchCall watch(*served.stub, WaitingFor({"x"}));
  served.sources["gpu"].AwaitLooks("x");
  served.NotAsked("x", {.kind = Kind::kUnreachable, .detail = "refused"});
  served.Observe(Queue({"x"}, {}));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_PROCESSING);
}

TEST(WatchOfAnUnknownJob, WaitsThoughTheIdWasUnknownToSomebodyJustBefore) {
  Served served({.limits = {.remember_unknown = 1h}});
  auto got = std::async(std::launch::async, [&] { return served.Get("x"); });
  served.sources["gpu"].AwaitLooks("x");
  served.Missed("x");
  EXPECT_EQ(CodeAndReason(got.get().status), "NOT_FOUND JOB_NOT_FOUND");
  WatchCall watch(*served.stub, WaitingFor({"x"}));
  watch.AwaitInitialMetadata();
  served.Observe(Completed("x"));
  EXPECT_TRUE(watch.ReadUntil("x", pb::JOB_STATE_COMPLETED));
  EXPECT_EQ(CodeAndReason(watch.Finish()), "OK");
}

TEST(WatchOfAnUnknownJob, AmongKnownOnesIsWaitedForWhileTheOthersAreTold) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WaitingFor({"a", "x"}));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "a");
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "a");
  served.sources["gpu"].AwaitLooks("x");
  served.Observe(Completed("x"));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "x");
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(served.sources["gpu"].looks("a"), 0);
}

TEST(WatchOfAnUnknownJob, IsNoLongerLookedForWhenTheCallerHasLeft) {
  Served served({.server = {.max_watches = 1}});
  {
    WatchCall watch(*served.stub, WaitingFor({"x"}));
    served.sources["gpu"].AwaitLooks("x");
  }
  served.Observe(Completed("y"));
  served.WatchOnceAdmitted(WatchRequest({"y"}));
  EXPECT_EQ(served.sources["gpu"].stops("x"), 1);
}

TEST(WatchOfAnUnknownJob, IsLookedForOnWhenAnotherCallerStillWaits) {
  Served served({.server = {.max_watches = 1}});
  auto got = std::async(std::launch::async, [&] { return served.Get("x"); });
  {
    WatchCall watch(*served.stub, WaitingFor({"x"}));
    served.sources["gpu"].AwaitLooks("x", 2);
  }
  served.Observe(Completed("y"));
  served.WatchOnceAdmitted(WatchRequest({"y"}));
  EXPECT_EQ(served.sources["gpu"].stops("x"), 0);
  served.Observe(Completed("x"));
  EXPECT_TRUE(got.get().status.ok());
}

TEST(WatchOfAnUnknownJob, IsNoLongerLookedForElsewhereOnceOneBackendHasIt) {
  Served served({.backends = {"gpu", "gpu2"}});
  WatchCall watch(*served.stub, WaitingFor({"x"}));
  served.sources["gpu2"].AwaitLooks("x");
  served.Observe("gpu", Completed("x"));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(served.sources["gpu2"].stops("x"), 1);
}

TEST(WatchOfAnUnknownJob, IsNoLongerLookedForWhenThoseWhoWaitLessLongAreAnsweredAfterTheOneWhoLeft) {
  Served served({.server = {.max_watches = 1}});
  auto got = std::async(std::launch::async, [&] { return served.Get("x"); });
  {
    WatchCall watch(*served.stub, WaitingFor({"x"}));
    served.sources["gpu"].AwaitLooks("x", 2);
  }
  served.Observe(Completed("y"));
  served.WatchOnceAdmitted(WatchRequest({"y"}));
  served.Missed("x");
  EXPECT_EQ(CodeAndReason(got.get().status), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_GE(served.sources["gpu"].stops("x"), 1) << "the source still looks for an hour, for nobody";
}

}  // namespace
