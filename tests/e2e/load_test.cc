#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>

#include "e2e/programs.h"
#include "fakes/fake_comfy.h"
#include "rpc/watch_call.h"

// What callers cost ComfyUI.
namespace e2e {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<pb::JobStatusService::Stub> StubOf(const Service& service) {
  return pb::JobStatusService::NewStub(grpc::CreateChannel(service.address(), grpc::InsecureChannelCredentials()));
}

TEST(Load, OfAnIdleServiceIsOneSmallQuestionASecond) {
  fakes::FakeComfy comfy;
  const Service service({"gpu=" + comfy.url()}, {"--idle-interval", "200ms", "--live-progress", "false"});
  ASSERT_TRUE(comfy.WaitForRequests("/prompt", 1));
  const auto stub = StubOf(service);
  WatchCall watch(*stub, WatchRequest({}));
  const std::size_t before = comfy.request_count();
  const auto begin = std::chrono::steady_clock::now();
  ASSERT_TRUE(comfy.WaitForRequests("/prompt", comfy.request_count("/prompt") + 5));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, 4 * 200ms);
  EXPECT_EQ(comfy.request_count(), before + 5) << "and nothing else";
}

TEST(Load, OfCallersOfAKnownJobIsNone) {
  fakes::FakeComfy comfy;
  const std::string id = comfy.Submit().prompt_id;
  const Service service({"gpu=" + comfy.url()},
                        {"--poll-interval", "1h", "--idle-interval", "1h", "--live-progress", "false"});
  const auto stub = StubOf(service);
  pb::WatchStatusRequest request = WatchRequest({id});
  request.mutable_wait_for_job()->set_seconds(20);
  WatchCall first(*stub, request);
  ASSERT_TRUE(first.ReadStatus());
  const std::size_t before = comfy.request_count();
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 100; ++i) {
    watches.push_back(std::make_unique<WatchCall>(*stub, WatchRequest({id})));
    ASSERT_TRUE(watches.back()->ReadStatus());
  }
  for (int i = 0; i < 10; ++i) EXPECT_EQ(RunToEnd(service.Command({"get", id})).exit_code, 0);
  EXPECT_EQ(comfy.request_count(), before);
}

TEST(Load, OfAHundredWatchersOfOneJobIsThatOfOne) {
  fakes::FakeComfy comfy;
  const Service service({"gpu=" + comfy.url()}, {"--safety-interval", "50ms"});
  const auto stub = StubOf(service);
  // The requests that ComfyUI gets during the 20 looks at its queue that a job is watched for.
  const auto requests_of = [&](int watchers) {
    const std::string id = comfy.Submit().prompt_id;
    comfy.StartNext();
    std::vector<std::unique_ptr<WatchCall>> watches;
    for (int i = 0; i < watchers; ++i) {
      pb::WatchStatusRequest request = WatchRequest({id});
      request.mutable_wait_for_job()->set_seconds(20);
      watches.push_back(std::make_unique<WatchCall>(*stub, request));
    }
    for (const auto& watch : watches) EXPECT_TRUE(watch->ReadStatus());
    const std::size_t before = comfy.request_count();
    EXPECT_TRUE(comfy.WaitForRequests("/api/jobs", comfy.request_count("/api/jobs") + 20));
    const std::size_t requests = comfy.request_count() - before;
    comfy.FinishSuccess();
    for (const auto& watch : watches) EXPECT_TRUE(watch->Finish().ok());
    return requests;
  };
  const std::size_t of_one = requests_of(1);
  EXPECT_LE(requests_of(100), of_one + 2);
}

TEST(Load, OfAHundredCallersOfAnUnknownJobIsThatOfAFew) {
  fakes::FakeComfy comfy;
  const Service service({"gpu=" + comfy.url()}, {"--poll-interval", "1h", "--idle-interval", "1h"});
  ASSERT_TRUE(comfy.WaitForRequests("/prompt", 1));
  const auto stub = StubOf(service);
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 100; ++i) watches.push_back(std::make_unique<WatchCall>(*stub, WatchRequest({"x"})));
  for (const auto& watch : watches) EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_LT(comfy.request_count("/history/"), 20u);
}

}  // namespace
}  // namespace e2e
