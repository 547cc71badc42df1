// What gRPC itself limits: the handlers are not called.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::AnyOf;
using testing::HasSubstr;

pb::ListStatusesRequest ListOf(std::size_t token_bytes) {
  pb::ListStatusesRequest request;
  request.set_page_token(std::string(token_bytes, 'x'));
  return request;
}

grpc::Status List(pb::JobStatusService::Stub& stub, const pb::ListStatusesRequest& request,
                  const std::string& metadata = "") {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 30s);
  if (!metadata.empty()) context.AddMetadata("x-large", metadata);
  pb::ListStatusesResponse response;
  return stub.ListStatuses(&context, request, &response);
}

TEST(CallLimits, RefuseARequestThatIsTooLongAndNoneThatIsNot) {
  Served served({.server = {.max_request_bytes = 10'000}});
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  EXPECT_EQ(CodeAndReason(List(*served.stub, ListOf(9'900))), "INVALID_ARGUMENT INVALID_ARGUMENT") << "was read";
  const grpc::Status refused = List(*served.stub, ListOf(10'001));
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("10000"));
  const grpc::Status refused_watch = WatchCall(*served.stub, WatchRequest({std::string(10'001, 'x')})).Finish();
  EXPECT_EQ(refused_watch.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED) << "others of the same connection notice nothing";
  EXPECT_TRUE(List(*served.stub, {}).ok());
}

TEST(CallLimits, RefuseMetadataThatIsTooLongAndOtherConnectionsNoticeNothing) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  const auto other = served.Connect();
  WatchCall watch(*other, WatchRequest({"a"}));
  ASSERT_TRUE(watch.ReadStatus());
  EXPECT_TRUE(List(*served.stub, {}, std::string(4'000, 'x')).ok());
  // gRPC 1.51 refuses the call, or closes the connection over it: as the bytes happen to come.
  EXPECT_THAT(List(*served.stub, {}, std::string(9'000, 'x')).error_code(),
              AnyOf(grpc::StatusCode::RESOURCE_EXHAUSTED, grpc::StatusCode::UNAVAILABLE));
  served.Observe(Completed("a"));
  EXPECT_EQ(watch.ReadStatus()->state(), pb::JOB_STATE_COMPLETED);
}

TEST(CallLimits, LetOneConnectionHaveSoManyCallsAndTheNextWaitWhileOtherConnectionsNoticeNothing) {
  Served served({.server = {.max_watches_per_peer = 1000, .max_calls_per_connection = 3}});
  served.Observe(Queue({"a"}, {}));
  std::vector<std::unique_ptr<WatchCall>> watches;
  for (int i = 0; i < 3; ++i) {
    watches.push_back(std::make_unique<WatchCall>(*served.stub, WatchRequest({"a"})));
    ASSERT_TRUE(watches.back()->ReadStatus());
  }
  auto fourth = std::async(std::launch::async, [&] { return List(*served.stub, {}); });
  const auto other = served.Connect();
  EXPECT_TRUE(List(*other, {}).ok());
  EXPECT_EQ(fourth.wait_for(0s), std::future_status::timeout);
  watches.pop_back();
  EXPECT_TRUE(fourth.get().ok());
}

}  // namespace
