#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <future>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::HasSubstr;
using testing::Key;
using Kind = jobs::BackendError::Kind;

// One message of any bytes, and how the call ends.
grpc::Status CallWithBytes(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                           const std::string& bytes) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  const auto call = stub.PrepareUnaryCall(
      &context, "/" + std::string(pb::JobStatusService::service_full_name()) + "/" + method, request, &queue);
  grpc::ByteBuffer response;
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

std::future<Served::Got> Getting(const Served& served, const std::string& job_id, const std::string& backend = "") {
  return std::async(std::launch::async, [&served, job_id, backend] { return served.Get(job_id, backend); });
}

TEST(GetStatus, AnswersForAJobThatIsFollowedWithoutAskingComfyui) {
  Served served;
  served.Observe(Queue({"a"}, {"b"}));
  const auto got = served.Get("b");
  ASSERT_TRUE(got.status.ok());
  EXPECT_EQ(got.job.job_id(), "b");
  EXPECT_EQ(got.job.backend(), "gpu");
  EXPECT_EQ(got.job.state(), pb::JOB_STATE_QUEUED);
  EXPECT_EQ(got.job.message(), "queued, 1st of 1");
  EXPECT_GT(got.job.revision(), Served::kFirstRevision);
  EXPECT_TRUE(got.job.has_observe_time());
  EXPECT_EQ(served.sources["gpu"].looks("b"), 0);
}

TEST(GetStatus, RefusesBytesThatAreNoRequestAndSoDoesAWatch) {
  Served served;
  const auto channel = grpc::CreateChannel(served.server->address(), grpc::InsecureChannelCredentials());
  for (const std::string method : {"GetStatus", "WatchStatus"}) {
    const std::string garbage = "\x0a\xff";  // a text longer than what follows
    const grpc::Status refused = CallWithBytes(channel, method, garbage);
    EXPECT_EQ(CodeAndReason(refused), "INVALID_ARGUMENT INVALID_ARGUMENT");
    EXPECT_THAT(refused.error_message(), HasSubstr(method + "Request"));
  }
}

TEST(GetStatus, TellsWhenComfyuiLastConfirmedAStatusThatDidNotChange) {
  Served served;
  const jobs::Time then{1'700'000'000s};
  served.board.Observe("gpu", Queue({}, {"a"}), then);
  served.board.Observe("gpu", Queue({}, {"a"}), then + 5s);
  EXPECT_EQ(served.Get("a").job.observe_time().seconds(), 1'700'000'005);
}

TEST(GetStatus, LooksUpAJobThatIsNotFollowed) {
  Served served;
  auto got = Getting(served, "x");
  served.sources["gpu"].AwaitLooks("x");
  served.Observe(Completed("x"));
  EXPECT_EQ(got.get().job.state(), pb::JOB_STATE_COMPLETED);
}

TEST(GetStatus, AnswersAllWhoAskForAnUnknownJobFromOneLook) {
  Served served;
  std::vector<std::future<Served::Got>> callers;
  for (int i = 0; i < 20; ++i) callers.push_back(Getting(served, "x"));
  served.sources["gpu"].AwaitLooks("x", 20);  // the source makes one look of them
  served.Observe(Queue({"x"}, {}));
  for (auto& caller : callers) EXPECT_EQ(caller.get().job.state(), pb::JOB_STATE_PROCESSING);
}

TEST(GetStatus, SaysNotFoundOnlyWhenEveryBackendWasAsked) {
  Served served({.backends = {"gpu", "gpu2"}});
  auto got = Getting(served, "x");
  served.sources["gpu"].AwaitLooks("x");
  served.sources["gpu2"].AwaitLooks("x");
  served.Missed("x", "gpu");
  EXPECT_EQ(got.wait_for(0s), std::future_status::timeout);
  served.Missed("x", "gpu2");
  const auto answer = got.get();
  EXPECT_EQ(CodeAndReason(answer.status), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_EQ(DetailsOf(answer.status).metadata.at("job_id"), "x");
}

TEST(GetStatus, SaysUnavailableWhenABackendCouldNotBeAsked) {
  Served served({.backends = {"gpu", "gpu2"}});
  auto got = Getting(served, "x");
  served.sources["gpu2"].AwaitLooks("x");
  served.NotAsked("x", {.kind = Kind::kHttpError, .http_status = 503, .detail = "GET /queue answered with 503"},
                  "gpu2");
  served.Missed("x", "gpu");
  const auto answer = got.get();
  EXPECT_EQ(CodeAndReason(answer.status), "UNAVAILABLE BACKEND_HTTP_ERROR");
  const ErrorDetails details = DetailsOf(answer.status);
  EXPECT_EQ(details.metadata.at("backend"), "gpu2");
  EXPECT_EQ(details.metadata.at("job_id"), "x");
  EXPECT_EQ(details.metadata.at("http_status"), "503");
  EXPECT_TRUE(details.retry_after_seconds);
}

TEST(GetStatus, FindsTheJobAtOneBackendThoughAnotherCannotBeAsked) {
  Served served({.backends = {"gpu", "gpu2"}});
  auto got = Getting(served, "x");
  served.sources["gpu2"].AwaitLooks("x");
  served.NotAsked("x", {.kind = Kind::kTimeout, .detail = "late"}, "gpu");
  served.Observe("gpu2", Completed("x"));
  EXPECT_EQ(got.get().job.backend(), "gpu2");
}

TEST(GetStatus, NeverMakesAJobFailedOfAnErrorInAsking) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  served.Observe(Unreachable());
  const auto got = served.Get("a");
  ASSERT_TRUE(got.status.ok());
  EXPECT_EQ(got.job.state(), pb::JOB_STATE_PROCESSING);
  EXPECT_TRUE(got.job.stale());
}

TEST(GetStatus, RemembersAnUnknownIdForAShortTimeAndForgetsItWhenTheJobAppears) {
  Served served({.limits = {.remember_unknown = 1h}});
  auto first = Getting(served, "x");
  served.sources["gpu"].AwaitLooks("x");
  served.Missed("x");
  EXPECT_EQ(CodeAndReason(first.get().status), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_EQ(CodeAndReason(served.Get("x").status), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_EQ(served.sources["gpu"].looks("x"), 1);
  served.Observe(Queue({}, {"x"}));
  EXPECT_TRUE(served.Get("x").status.ok());
}

TEST(GetStatus, LooksAgainForAnUnknownIdOnceThatTimeIsOver) {
  Served served({.limits = {.remember_unknown = 0s}});
  for (int look = 1; look <= 2; ++look) {
    auto got = Getting(served, "x");
    served.sources["gpu"].AwaitLooks("x", look);
    served.Missed("x");
    EXPECT_EQ(CodeAndReason(got.get().status), "NOT_FOUND JOB_NOT_FOUND");
  }
}

TEST(GetStatus, AsksOnlyTheBackendThatIsNamed) {
  Served served({.backends = {"gpu", "gpu2"}});
  served.Observe("gpu", Queue({"a"}, {}));
  auto got = Getting(served, "a", "gpu2");
  served.sources["gpu2"].AwaitLooks("a");
  served.Missed("a", "gpu2");
  const auto answer = got.get();
  EXPECT_EQ(CodeAndReason(answer.status), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_EQ(DetailsOf(answer.status).metadata.at("backend"), "gpu2");
  EXPECT_EQ(served.sources["gpu"].looks("a"), 0);
}

TEST(GetStatus, KeepsTheSameIdAtTwoBackendsApartAndPrefersTheOneThatHasNotEnded) {
  Served served({.backends = {"gpu", "gpu2"}});
  served.Observe("gpu", Queue({"a"}, {}));
  served.Observe("gpu2", Completed("a"));
  EXPECT_EQ(served.Get("a", "gpu").job.state(), pb::JOB_STATE_PROCESSING);
  EXPECT_EQ(served.Get("a", "gpu2").job.state(), pb::JOB_STATE_COMPLETED);
  EXPECT_EQ(served.Get("a").job.backend(), "gpu");
  served.Observe("gpu", Failed("a"));
  EXPECT_EQ(served.Get("a").job.state(), pb::JOB_STATE_FAILED) << "of two that have ended, the newer";
}

TEST(GetStatus, RefusesBadArguments) {
  Served served;
  EXPECT_THAT(DetailsOf(served.Get("").status).bad_fields, Contains(Key("job_id")));
  EXPECT_THAT(DetailsOf(served.Get(std::string(257, 'x')).status).bad_fields, Contains(Key("job_id")));
  EXPECT_THAT(DetailsOf(served.Get("a\nb").status).bad_fields, Contains(Key("job_id")));
  EXPECT_EQ(CodeAndReason(served.Get("a", "gpu9").status), "NOT_FOUND BACKEND_NOT_FOUND");
}

TEST(GetStatus, EndsWithTheCallersDeadlineAndTheServiceGoesOn) {
  Served served;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20ms);
  pb::GetStatusRequest request;
  request.set_job_id("x");
  pb::GetStatusResponse response;
  EXPECT_EQ(served.stub->GetStatus(&context, request, &response).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  served.Observe(Completed("x"));
  EXPECT_TRUE(served.Get("x").status.ok());
}

}  // namespace
