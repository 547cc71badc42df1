#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <future>

#include "rpc/health.h"
#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

constexpr const char* kService = "comfyui.jobstatus.v1.JobStatusService";

TEST(Drain, EndsEveryWatchWithUnavailableAndSaysWhenToComeBack) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  served.server->Drain();
  const grpc::Status status = watch.Finish();
  EXPECT_EQ(CodeAndReason(status), "UNAVAILABLE SHUTTING_DOWN");
  EXPECT_GT(DetailsOf(status).retry_after_seconds.value_or(0), 0);
}

TEST(Drain, RefusesNewWatchesAndStillAnswersTheRest) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  served.server->Drain();
  EXPECT_EQ(CodeAndReason(WatchCall(*served.stub, WatchRequest({"a"})).Finish()), "UNAVAILABLE SHUTTING_DOWN");
  EXPECT_TRUE(served.Get("a").status.ok());
}

TEST(Drain, IsToldByTheHealthServiceBeforeTheFirstWatchEnds) {
  Served served;
  Health health(served.server->address());
  EXPECT_EQ(health.Check(""), Health::Serving::kServing);
  EXPECT_EQ(health.Check(kService), Health::Serving::kServing);
  EXPECT_EQ(health.Check("no.such.Service"), Health::Serving::kUnknown);
  WatchCall watch(*served.stub, WatchRequest({}));
  watch.AwaitInitialMetadata();
  served.server->Drain();
  EXPECT_FALSE(watch.Finish().ok());
  EXPECT_EQ(health.Check(""), Health::Serving::kNotServing);
  EXPECT_EQ(health.Check(kService), Health::Serving::kNotServing);
}

TEST(Drain, TellsTheStatusThatIsOnItsWayFirst) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  served.Observe(Completed("a"));
  served.server->Drain();
  const grpc::Status status = watch.Finish();
  EXPECT_EQ(watch.read().back().state() == pb::JOB_STATE_COMPLETED, status.ok()) << "told and ended, or neither";
}

TEST(Stop, ReturnsPromptlyWithManyOpenWatches) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 200; ++i) {
    pb::WatchStatusRequest request = i % 3 == 0 ? WatchRequest({}) : WatchRequest({i % 3 == 1 ? "a" : "x"});
    request.mutable_wait_for_job()->set_seconds(3600);
    watches.push_back(std::make_unique<WatchCall>(*served.stub, request));
    watches.back()->AwaitInitialMetadata();
  }
  served.server->Stop(1h);  // returns when nothing is left, so that an hour's grace would be noticed
  for (const auto& watch : watches) EXPECT_EQ(CodeAndReason(watch->Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TEST(Stop, EndsAWatchWhoseReaderTakesNothingAfterTheGrace) {
  Served served;
  for (int i = 0; i < 500; ++i) {
    jobs::HistoryObserved failed = Failed("big " + std::to_string(i));
    failed.entry.error.traceback = {std::string(jobs::kMaxTracebackBytes, 'x')};
    served.Observe(failed);
  }
  const auto slow = served.Connect(/*small_window=*/true);
  WatchCall stuck(*slow, WatchRequest({}));
  ASSERT_TRUE(stuck.ReadStatus());
  served.server->Stop(50ms);
  EXPECT_FALSE(stuck.Finish().ok());
}

TEST(Stop, WaitsForLookUpsThatEndWithTheirSources) {
  Served served;
  auto got = std::async(std::launch::async, [&] { return served.Get("x"); });
  served.sources["gpu"].AwaitLooks("x");
  served.server->Drain();
  served.Observe(jobs::LookupFailed{"x", {.kind = jobs::BackendError::Kind::kStopping}, jobs::Steady::max()});
  served.server->Stop(1h);
  EXPECT_EQ(CodeAndReason(got.get().status), "UNAVAILABLE SHUTTING_DOWN");
}

TEST(Server, SaysSoWhenItsPortIsTaken) {
  Served served;
  const auto second = rpc::Server::Start(served.board, {.listen = served.server->address()});
  ASSERT_FALSE(second.has_value());
  EXPECT_THAT(second.error(), testing::HasSubstr(served.server->address()));
}

TEST(Server, ListensOnAUnixSocket) {
  Served served;
  const std::string address = "unix:" + testing::TempDir() + "/rpc_tests." + std::to_string(getpid());
  const auto server = rpc::Server::Start(served.board, {.listen = address});
  ASSERT_TRUE(server.has_value()) << server.error();
  EXPECT_EQ((*server)->address(), address);
  served.Observe(Completed("a"));
  const auto stub = pb::JobStatusService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(WatchCall(*stub, WatchRequest({"a"})).Finish().ok());
}

}  // namespace
