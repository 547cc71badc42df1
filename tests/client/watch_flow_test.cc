#include "watch_flow.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include "client/make.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using Time = WatchFlow::Time;

constexpr milliseconds kSilence = 45s;

struct Flow : WatchFlow {
  explicit Flow(WatchRequest request)
      : WatchFlow(std::move(request), kSilence,
                  Backoff({.initial = 100ms, .max = 10s, .multiplier = 2}, [] { return 1.0; }), Time()) {}
};

Time At(milliseconds since_start) {
  return Time() + since_start;
}

Error Unavailable(std::optional<milliseconds> retry_after = {}) {
  return {.code = Code::kUnavailable, .reason = "SHUTTING_DOWN", .retry_after = retry_after};
}

milliseconds WaitForJobOf(const WatchStatusRequest& request) {
  return milliseconds(google::protobuf::util::TimeUtil::DurationToMilliseconds(request.wait_for_job()));
}

Error ErrorOf(const Decision& decision) {
  return std::get<Finished>(decision).result.error();
}

bool EndsWell(const Decision& decision) {
  const auto* const finished = std::get_if<Finished>(&decision);
  return finished != nullptr && finished->result.has_value();
}

TEST(WatchFlow, AsksFirstForWhatTheCallerAskedFor) {
  Flow flow(
      {.job_ids = {"a", "b"}, .backend = "gpu", .after_revision = 7, .min_interval = 1'250ms, .wait_for_job = 30s});
  const WatchStatusRequest request = flow.Attach(At(0s));
  EXPECT_THAT(request.job_ids(), ElementsAre("a", "b"));
  EXPECT_EQ(request.backend(), "gpu");
  EXPECT_EQ(request.after_revision(), 7U);
  EXPECT_EQ(google::protobuf::util::TimeUtil::DurationToMilliseconds(request.min_interval()), 1'250);
  EXPECT_EQ(WaitForJobOf(request), 30s);
}

TEST(WatchFlow, LeavesOutDurationsThatAreZero) {
  Flow flow({.job_ids = {"a"}});
  const WatchStatusRequest request = flow.Attach(At(0s));
  EXPECT_FALSE(request.has_min_interval());
  EXPECT_FALSE(request.has_wait_for_job());
}

struct EndCase {
  std::string name;
  Error error;
  bool reattaches;
};

class WatchFlowAfterAnEnd : public testing::TestWithParam<EndCase> {};

TEST_P(WatchFlowAfterAnEnd, TriesAgainOnlyWhenThatHelps) {
  Flow flow({});
  flow.Attach(At(0s));
  EXPECT_EQ(std::holds_alternative<Reattach>(flow.OnEnd(GetParam().error, At(1s))), GetParam().reattaches);
}

INSTANTIATE_TEST_SUITE_P(
    Table, WatchFlowAfterAnEnd,
    testing::Values(
        EndCase{"GoingDown", Unavailable(), true},
        EndCase{"ConnectionRefused", {.code = Code::kUnavailable, .message = "Connection refused"}, true},
        EndCase{"ComfyUiAway", {.code = Code::kUnavailable, .reason = "BACKEND_UNREACHABLE"}, true},
        EndCase{"WriteStalled", {.code = Code::kResourceExhausted, .reason = "WRITE_STALLED"}, true},
        EndCase{"WriteStalledWithoutDetails", {.code = Code::kResourceExhausted}, true},
        EndCase{"TooManyWatchesWithATime",
                {.code = Code::kResourceExhausted, .reason = "TOO_MANY_WATCHES", .retry_after = 1s},
                true},
        EndCase{"TooManyWatches", {.code = Code::kResourceExhausted, .reason = "TOO_MANY_WATCHES"}, false},
        EndCase{"StreamReset", {.code = Code::kInternal, .message = "Received RST_STREAM with error code 2"}, true},
        EndCase{"StreamCancelledByAProxy",
                {.code = Code::kCancelled, .message = "Received RST_STREAM with error code 8"},
                true},
        EndCase{"MetByAServerThatShutsDown", {.code = Code::kCancelled}, true},
        EndCase{"StreamRemoved", {.code = Code::kUnknown, .message = "Stream removed"}, true},
        EndCase{"InternalOfTheService",
                {.code = Code::kInternal, .reason = "BACKEND_BAD_RESPONSE", .message = "RST_STREAM"},
                false},
        EndCase{"UnknownOther", {.code = Code::kUnknown, .message = "Unexpected error in RPC handling"}, false},
        EndCase{"JobNotFound", {.code = Code::kNotFound, .reason = "JOB_NOT_FOUND"}, false},
        EndCase{"BadToken", {.code = Code::kUnauthenticated, .reason = "UNAUTHENTICATED"}, false},
        EndCase{"BadArgument", {.code = Code::kInvalidArgument, .reason = "INVALID_ARGUMENT"}, false}),
    [](const auto& test) { return test.param.name; });

TEST(WatchFlow, ResumesFromTheLastRevisionReceived) {
  Flow flow({.after_revision = 3});
  flow.Attach(At(0s));
  flow.OnMessage(MakeMessage(MakeStatus("a", JOB_STATE_QUEUED, 10)));
  flow.OnMessage(MakeHeartbeat(12));
  flow.OnEnd(Unavailable(), At(1s));
  EXPECT_EQ(flow.Attach(At(2s)).after_revision(), 12U);
}

TEST(WatchFlow, WaitsLongerFromAttemptToAttemptUntilAMessageComes) {
  Flow flow({});
  const auto next = [&] { return std::get<Reattach>(flow.OnEnd(Unavailable(), At(0s))); };
  EXPECT_EQ(next().wait, 100ms);
  EXPECT_EQ(next().wait, 200ms);
  EXPECT_EQ(next().attempt, 3);
  EXPECT_TRUE(flow.OnMessage(MakeHeartbeat(1)));
  EXPECT_FALSE(flow.OnMessage(MakeHeartbeat(1)));
  const Reattach after = next();
  EXPECT_EQ(after.wait, 100ms);
  EXPECT_EQ(after.attempt, 1);
}

TEST(WatchFlow, WaitsAsLongAsTheServiceAsksFor) {
  Flow flow({});
  EXPECT_EQ(std::get<Reattach>(flow.OnEnd(Unavailable(4s), At(0s))).wait, 5s);
}

TEST(WatchFlow, EndsWellWhenTheStreamEndsWithOk) {
  Flow flow({.job_ids = {"a"}});
  EXPECT_TRUE(EndsWell(flow.OnEnd({}, At(0s))));
}

TEST(WatchFlow, EndsWellWhenTheStreamBreaksAfterAllNamedJobsEnded) {
  Flow flow({.job_ids = {"a", "b"}});
  flow.OnMessage(MakeMessage(MakeCompleted("a", 5)));
  flow.OnMessage(MakeMessage(MakeFailed("b", 6)));
  EXPECT_TRUE(EndsWell(flow.OnEnd(Unavailable(), At(0s))));
}

TEST(WatchFlow, NamesNoJobAgainThatHasEnded) {
  Flow flow({.job_ids = {"a", "b", "c"}});
  flow.Attach(At(0s));
  flow.OnMessage(MakeMessage(MakeCompleted("a", 5)));
  flow.OnMessage(MakeMessage(MakeStatus("c", JOB_STATE_LOST, 6)));
  flow.OnMessage(MakeMessage(MakeStatus("c", JOB_STATE_PROCESSING, 7)));  // and found again
  flow.OnEnd(Unavailable(), At(1s));
  EXPECT_THAT(flow.Attach(At(2s)).job_ids(), ElementsAre("b", "c"));
}

TEST(WatchFlow, CountsWaitForJobFromItsStartOverLostConnections) {
  Flow flow({.job_ids = {"a"}, .wait_for_job = 60s});
  flow.Attach(At(0s));
  flow.OnEnd(Unavailable(), At(20s));
  EXPECT_EQ(WaitForJobOf(flow.Attach(At(21s))), 39s);
}

TEST(WatchFlow, GivesARestartedServiceAMomentToFindAJobAgain) {
  Flow flow({.job_ids = {"a"}});
  flow.Attach(At(0s));
  flow.OnEnd(Unavailable(), At(100s));
  EXPECT_EQ(WaitForJobOf(flow.Attach(At(101s))), 5s);
}

TEST(WatchFlow, TakesASilentConnectionForBroken) {
  Flow flow({});
  flow.Attach(At(0s));
  EXPECT_EQ(flow.ListenUntil(), At(45s));
  flow.Listen(At(30s));
  EXPECT_EQ(flow.ListenUntil(), At(75s));
  const Decision decision = flow.OnSilence(At(75s));
  EXPECT_THAT(std::get<Reattach>(decision).why.message, HasSubstr("silent"));
}

TEST(WatchFlow, GivesUpWhenItsTimeIsUpAndTellsHowFarTheJobWas) {
  Flow flow({.job_ids = {"a"}, .timeout = 10s});
  flow.Attach(At(0s));
  flow.OnMessage(MakeMessage(MakeProcessing("a", 40)));
  EXPECT_EQ(flow.ListenUntil(), At(10s));
  const Error error = ErrorOf(flow.OnSilence(At(10s)));
  EXPECT_EQ(error.code, Code::kDeadlineExceeded);
  ASSERT_TRUE(error.last_status.has_value());
  EXPECT_EQ(error.last_status->progress().percentage(), 40);
}

TEST(WatchFlow, DoesNotWaitBeyondItsTime) {
  Flow flow({.timeout = 10s});
  flow.Attach(At(0s));
  EXPECT_EQ(std::get<Reattach>(flow.OnEnd(Unavailable(60s), At(9s))).wait, 1s);
  EXPECT_FALSE(flow.AfterWait(At(9'999ms)).has_value());
  ASSERT_TRUE(flow.AfterWait(At(10s)).has_value());
  EXPECT_EQ(flow.AfterWait(At(10s))->result.error().code, Code::kDeadlineExceeded);
}

TEST(WatchFlow, FailingFastGivesUpOnlyBeforeTheFirstMessage) {
  Flow flow({.fail_fast = true});
  EXPECT_EQ(ErrorOf(flow.OnEnd(Unavailable(), At(0s))).code, Code::kUnavailable);
  flow.OnMessage(MakeHeartbeat(1));
  EXPECT_TRUE(std::holds_alternative<Reattach>(flow.OnEnd(Unavailable(), At(0s))));
}

Error OldConnection() {
  return {.code = Code::kUnavailable, .reason = "CONNECTION_AGE", .retry_after = 10ms};
}

TEST(WatchFlow, ComesBackAtOnceWithoutAnOutageWhenItsConnectionHasBecomeOld) {
  Flow flow({.fail_fast = true});
  flow.Attach(At(0s));
  for (int i = 1; i < 10; ++i) {
    const auto again = std::get<Reattach>(flow.OnEnd(OldConnection(), At(i * 10s)));
    EXPECT_EQ(again.wait, 10ms);
    EXPECT_EQ(again.attempt, 0);
    flow.Attach(At(i * 10s));
  }
  EXPECT_FALSE(flow.OnMessage(MakeHeartbeat(1))) << "there was no outage";
}

TEST(WatchFlow, WaitsAsAfterAnyTroubleWhenItsConnectionIsSaidToBeOldAsSoonAsItBegan) {
  Flow flow({});
  milliseconds wait{0};
  for (int attempt = 1; attempt < 5; ++attempt) {
    flow.Attach(At(0s));
    const auto again = std::get<Reattach>(flow.OnEnd(OldConnection(), At(100ms)));
    EXPECT_EQ(again.attempt, attempt);
    EXPECT_GT(again.wait, wait);
    wait = again.wait;
  }
}

}  // namespace
}  // namespace jobstatus
