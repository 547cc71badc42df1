// How calls are counted, and how one that failed is told to those who operate the service.
#include "rpc/calls.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <numeric>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::MatchesRegex;
using testing::SizeIs;
using testing::StartsWith;

class CallsOfAService : public testing::Test {
 protected:
  CallsOfAService() : served({.server = {.on_failed_call = [this](const rpc::FailedCall& call) { Note(call); }}}) {}

  rpc::FailedCall AwaitFailed() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(noted_.wait_for(lock, 20s, [&] { return !failed_.empty(); })) << "no call was told to have failed";
    return failed_.empty() ? rpc::FailedCall{} : failed_.front();
  }
  rpc::Calls::Counts Counts(rpc::Method method) const {
    return served.server->calls().Read()[static_cast<std::size_t>(method)];
  }
  std::uint64_t Ended(rpc::Method method, grpc::StatusCode code) const {
    return Counts(method).ended[static_cast<std::size_t>(code)];
  }
  grpc::Status GetWithRequestId(const std::string& request_id) const {
    grpc::ClientContext context;
    context.AddMetadata("x-request-id", request_id);
    pb::GetStatusRequest request;
    request.set_job_id("a");
    request.set_backend("no such");
    pb::GetStatusResponse response;
    return served.stub->GetStatus(&context, request, &response);
  }

 private:
  void Note(const rpc::FailedCall& call) {
    const std::lock_guard lock(mutex_);
    failed_.push_back(call);
    noted_.notify_all();
  }

  mutable std::mutex mutex_;  // guards failed_
  std::condition_variable noted_;
  std::vector<rpc::FailedCall> failed_;

 protected:
  Served served;
};

TEST_F(CallsOfAService, AreCountedByHowTheyEnded) {
  served.Observe(Queue({"a"}, {}));
  EXPECT_TRUE(served.Get("a").status.ok());
  EXPECT_TRUE(served.Get("a").status.ok());
  EXPECT_FALSE(served.Get("a", "no such").status.ok());
  EXPECT_EQ(Ended(rpc::Method::kGetStatus, grpc::StatusCode::OK), 2);
  EXPECT_EQ(Ended(rpc::Method::kGetStatus, grpc::StatusCode::NOT_FOUND), 1);
  EXPECT_EQ(Ended(rpc::Method::kListStatuses, grpc::StatusCode::OK), 0);
  const rpc::Calls::Counts counts = Counts(rpc::Method::kGetStatus);
  EXPECT_EQ(counts.started, std::accumulate(counts.ended.begin(), counts.ended.end(), std::uint64_t{0}));
  EXPECT_EQ(counts.started,
            std::accumulate(counts.durations.counts.begin(), counts.durations.counts.end(), std::uint64_t{0}));
}

TEST_F(CallsOfAService, AreCountedWhenTheyBeginAndAgainWhenTheyEnd) {
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.Read());
  EXPECT_EQ(Counts(rpc::Method::kWatchStatus).started, 1);
  EXPECT_THAT(Counts(rpc::Method::kWatchStatus).ended, Each(0));
  served.Observe(Completed("a"));
  ASSERT_TRUE(watch.Read());
  EXPECT_FALSE(watch.Read());
  EXPECT_EQ(Ended(rpc::Method::kWatchStatus, grpc::StatusCode::OK), 1);
  EXPECT_EQ(Counts(rpc::Method::kWatchStatus).messages_sent, 2);
}

TEST_F(CallsOfAService, AreToldWhenTheyFailWithTheRequestIdThatTheCallerWasTold) {
  const grpc::Status status = served.Get("a", "no such").status;
  const rpc::FailedCall call = AwaitFailed();
  EXPECT_EQ(call.method, rpc::Method::kGetStatus);
  EXPECT_EQ(call.code, grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(call.reason, "BACKEND_NOT_FOUND");
  EXPECT_EQ(call.message, status.error_message());
  EXPECT_THAT(call.peer, StartsWith("ipv4:127.0.0.1:"));
  EXPECT_EQ(call.request_id, DetailsOf(status).request_id);
  EXPECT_THAT(call.request_id, MatchesRegex("[0-9a-f]{16}"));
}

TEST_F(CallsOfAService, KeepTheRequestIdThatTheCallerGave) {
  EXPECT_EQ(DetailsOf(GetWithRequestId("order-4711/try:2")).request_id, "order-4711/try:2");
  EXPECT_EQ(AwaitFailed().request_id, "order-4711/try:2");
}

TEST_F(CallsOfAService, DoNotKeepARequestIdThatIsNoneOrTooLong) {
  EXPECT_THAT(DetailsOf(GetWithRequestId(std::string(129, 'x'))).request_id, SizeIs(16));
  EXPECT_THAT(DetailsOf(GetWithRequestId("two words")).request_id, SizeIs(16));
  EXPECT_THAT(DetailsOf(GetWithRequestId("")).request_id, SizeIs(16));
}

TEST_F(CallsOfAService, HaveDifferentRequestIds) {
  EXPECT_NE(DetailsOf(served.Get("a", "no such").status).request_id,
            DetailsOf(served.Get("a", "no such").status).request_id);
}

TEST_F(CallsOfAService, AreToldWhenAStreamIsRefused) {
  WatchCall watch(*served.stub, WatchRequest({""}));
  EXPECT_FALSE(watch.Read());
  EXPECT_EQ(AwaitFailed().method, rpc::Method::kWatchStatus);
  EXPECT_EQ(AwaitFailed().code, grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CallsOfAService, AreToldToHaveBeenCancelledWhenTheCallerLeft) {
  served.Observe(Queue({"a"}, {}));
  WatchCall watch(*served.stub, WatchRequest({"a"}));
  ASSERT_TRUE(watch.Read());
  watch.Cancel();
  EXPECT_EQ(AwaitFailed().code, grpc::StatusCode::CANCELLED);
}

}  // namespace
