#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "rpc/clock.h"
#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

// One turn a second: the second look-up within it is one too many.
Served::Options OneASecond() {
  return {.limits = {.max_lookups_per_second = 1}};
}

// Uses up the turns of the next quarter of an hour.
pb::WatchStatusRequest LongWatch() {
  std::vector<std::string> ids = {"x"};
  while (ids.size() < 1000) ids.push_back("x" + std::to_string(ids.size()));
  pb::WatchStatusRequest request = WatchRequest(ids);
  request.mutable_wait_for_job()->set_seconds(3600);
  return request;
}

grpc::Status Get(pb::JobStatusService::Stub& stub, const std::string& job_id) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 30s);
  pb::GetStatusRequest request;
  request.set_job_id(job_id);
  pb::GetStatusResponse response;
  return stub.GetStatus(&context, request, &response);
}

TEST(LookupLimits, RefuseACallerThatHasNoneLeftAndNoOther) {
  Served served(OneASecond());
  served.Observe(Queue({"known"}, {}));
  WatchCall watch(*served.stub, LongWatch());
  served.sources["gpu"].AwaitLooks("x");
  served.sources["gpu"].AwaitLooks("x");
  const grpc::Status refused = Get(*served.stub, "y");
  EXPECT_EQ(CodeAndReason(refused), "RESOURCE_EXHAUSTED TOO_MANY_LOOKUPS");
  EXPECT_EQ(DetailsOf(refused).metadata.at("limit"), "max_lookups_per_second");
  EXPECT_EQ(DetailsOf(refused).metadata.at("job_id"), "y");
  EXPECT_GT(DetailsOf(refused).retry_after_seconds.value_or(0), 0);
  EXPECT_EQ(served.board.met().lookups_refused, 1u);
  EXPECT_EQ(served.sources["gpu"].looks("y"), 0);
  EXPECT_TRUE(Get(*served.stub, "known").ok()) << "what is known is no look-up";

  const auto elsewhere = served.ConnectFrom("127.0.0.2");
  auto got = std::async(std::launch::async, [&] { return Get(*elsewhere, "y"); });
  served.sources["gpu"].AwaitLooks("y");
  served.Observe(Completed("y"));
  EXPECT_TRUE(got.get().ok()) << "another caller notices nothing";
  served.Observe(Queue({"known", "x"}, {}));
  EXPECT_EQ(watch.ReadStatus()->job_id(), "x") << "nor do its own watches";
}

TEST(LookupLimits, LetAWatchWaitForItsTurnAndHaveIt) {
  Served served({.limits = {.max_lookups_per_second = 50}});
  std::vector<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.push_back("x" + std::to_string(100 + i));
  pb::WatchStatusRequest request = WatchRequest(ids);
  request.mutable_wait_for_job()->set_seconds(3600);
  WatchCall watch(*served.stub, request);
  for (const std::string& id : ids) served.sources["gpu"].AwaitLooks(id);
  EXPECT_EQ(served.board.met().lookups_refused, 0u);
  EXPECT_GT(served.board.met().lookups_delayed, 0u);
  for (const std::string& id : ids) served.Observe(Completed(id));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(watch.read().size(), ids.size());
}

TEST(LookupLimits, LetAWatchBeToldOfAJobThatIsSubmittedBeforeItsTurnHasCome) {
  Served served(OneASecond());
  WatchCall noisy(*served.stub, LongWatch());
  served.sources["gpu"].AwaitLooks("x");
  pb::WatchStatusRequest request = WatchRequest({"y"});
  request.mutable_wait_for_job()->set_seconds(3600);
  WatchCall watch(*served.stub, request);
  watch.AwaitInitialMetadata();
  served.Observe(Queue({"y"}, {}));
  served.Observe(Completed("y"));
  EXPECT_TRUE(watch.ReadUntil("y", pb::JOB_STATE_COMPLETED));
  EXPECT_TRUE(watch.Finish().ok());
  EXPECT_EQ(served.sources["gpu"].looks("y"), 0);
}

}  // namespace
