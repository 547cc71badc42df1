#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "client/recorder.h"
#include "client/scripted_service.h"
#include "jobstatus/client.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Ge;
using testing::SizeIs;

class WatchOverLoopback : public testing::Test {
 protected:
  ClientOptions Options() const {
    return {.target = service_.target(), .backoff = {.initial = 1ms, .max = 10ms, .multiplier = 2}};
  }
  Client NewClient() const { return std::move(*Client::Create(Options())); }

  ScriptedService service_;
  Recorder recorder_;
};

TEST_F(WatchOverLoopback, TellsEachStatusAndEndsWithTheStream) {
  Watch watch = NewClient().Watch({.job_ids = {"日本"}, .wait_for_job = 30s}, recorder_.Events());
  const auto stream = service_.NextWatch();
  EXPECT_THAT(stream->request().job_ids(), ElementsAre("日本"));
  stream->Send(MakeStatus("日本", JOB_STATE_QUEUED, 1));
  stream->Send(MakeHeartbeat(4));
  stream->Send(MakeCompleted("日本", 5));
  stream->Finish(grpc::Status::OK);
  EXPECT_TRUE(watch.Wait().has_value());
  const Recorder::Told told = recorder_.AwaitEnd();
  EXPECT_TRUE(told.end->has_value());
  EXPECT_THAT(told.statuses, SizeIs(2));
  EXPECT_THAT(told.heartbeats, ElementsAre(4U));
  EXPECT_THAT(told.outages, SizeIs(0));
}

TEST_F(WatchOverLoopback, ResumesFromTheLastRevisionWhenTheServiceIsBackOnItsPort) {
  const Watch watch = NewClient().Watch({.job_ids = {"a"}}, recorder_.Events());
  service_.NextWatch()->Send(MakeStatus("a", JOB_STATE_PROCESSING, 41));
  recorder_.AwaitStatuses(1);
  service_.Stop();
  recorder_.Await([](const Recorder::Told& told) { return told.waits.size() >= 3; });
  service_.Start();
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().after_revision(), 41U);
  EXPECT_EQ(google::protobuf::util::TimeUtil::DurationToSeconds(stream->request().wait_for_job()), 5);
  stream->Send(MakeCompleted("a", 42));
  stream->Finish(grpc::Status::OK);
  const Recorder::Told told = recorder_.AwaitEnd();
  EXPECT_TRUE(told.end->has_value());
  EXPECT_EQ(told.statuses.back().state(), JOB_STATE_COMPLETED);
  EXPECT_EQ(told.reattached, 1);
  EXPECT_THAT(told.outages, SizeIs(1));
}

TEST_F(WatchOverLoopback, WaitsAsLongAsTheServiceAsksBeforeItComesAgain) {
  const Watch watch = NewClient().Watch({}, recorder_.Events());
  const auto stream = service_.NextWatch();
  stream->Send(MakeHeartbeat(7));
  stream->Finish(MakeFailure(grpc::StatusCode::UNAVAILABLE, "going down", "SHUTTING_DOWN", {}, 30ms));
  EXPECT_EQ(service_.NextWatch()->request().after_revision(), 7U);
  const Recorder::Told told = recorder_.Await([](const Recorder::Told& t) { return !t.waits.empty(); });
  EXPECT_THAT(told.waits, ElementsAre(Ge(30ms)));
  EXPECT_EQ(told.outages[0].reason, "SHUTTING_DOWN");
}

TEST_F(WatchOverLoopback, AttachesAgainWhenTheServiceFallsSilent) {
  ClientOptions options = Options();
  options.silence_limit = 50ms;
  const Watch watch = Client::Create(options)->Watch({}, recorder_.Events());
  const auto silent = service_.NextWatch();
  silent->Send(MakeHeartbeat(3));
  EXPECT_EQ(service_.NextWatch()->request().after_revision(), 3U);
  EXPECT_TRUE(silent->AwaitCancelled());
}

TEST_F(WatchOverLoopback, EndsWithTheErrorThatTryingAgainCannotHelp) {
  Watch watch = NewClient().Watch({.job_ids = {"a"}}, recorder_.Events());
  service_.NextWatch()->Finish(MakeFailure(grpc::StatusCode::NOT_FOUND, "no", "JOB_NOT_FOUND", {{"job_id", "a"}}));
  const Result<void> end = watch.Wait();
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().reason, "JOB_NOT_FOUND");
  EXPECT_EQ(end.error().metadata.at("job_id"), "a");
}

TEST_F(WatchOverLoopback, IsCancelledByItsDestructionDuringSilence) {
  std::shared_ptr<WatchStream> stream;
  {
    const Watch watch = NewClient().Watch({}, recorder_.Events());
    stream = service_.NextWatch();
    stream->Send(MakeHeartbeat(1));
    recorder_.Await([](const Recorder::Told& told) { return !told.heartbeats.empty(); });
  }
  EXPECT_EQ(recorder_.AwaitEnd().end->error().code, Code::kCancelled);
  EXPECT_TRUE(stream->AwaitCancelled());
}

TEST_F(WatchOverLoopback, IsCancelledByItsDestructionDuringALongWait) {
  {
    const Watch watch = NewClient().Watch({}, recorder_.Events());
    service_.NextWatch()->Finish(MakeFailure(grpc::StatusCode::UNAVAILABLE, "later", "SHUTTING_DOWN", {}, 24h));
    recorder_.Await([](const Recorder::Told& told) { return !told.waits.empty(); });
  }
  EXPECT_EQ(recorder_.AwaitEnd().end->error().code, Code::kCancelled);
}

TEST_F(WatchOverLoopback, MayBeCancelledFromItsOwnEvents) {
  std::optional<Watch> watch;
  std::promise<void> assigned;
  WatchEvents events = recorder_.Events();
  events.on_status = [&](const JobStatus&) {
    assigned.get_future().wait();
    watch->Cancel();
  };
  watch.emplace(NewClient().Watch({}, std::move(events)));
  assigned.set_value();
  service_.NextWatch()->Send(MakeStatus("a", JOB_STATE_QUEUED));
  EXPECT_EQ(watch->Wait().error().code, Code::kCancelled);
}

TEST_F(WatchOverLoopback, TellsHowFarTheJobWasWhenItIsCancelled) {
  Watch watch = NewClient().Watch({}, recorder_.Events());
  service_.NextWatch()->Send(MakeStatus("a", JOB_STATE_QUEUED));
  recorder_.Await([](const Recorder::Told& told) { return !told.statuses.empty(); });
  watch.Cancel();
  const Error error = watch.Wait().error();
  EXPECT_EQ(error.code, Code::kCancelled);
  ASSERT_TRUE(error.last_status);
  EXPECT_EQ(error.last_status->job_id(), "a");
}

TEST_F(WatchOverLoopback, TakesABurstOfAThousandStatusesInOrder) {
  const Watch watch = NewClient().Watch({}, recorder_.Events());
  const auto stream = service_.NextWatch();
  for (std::uint64_t revision = 1; revision <= 1'000; ++revision) {
    stream->Send(MakeStatus("job-" + std::to_string(revision), JOB_STATE_QUEUED, revision));
  }
  const Recorder::Told told = recorder_.AwaitStatuses(1'000);
  for (std::size_t i = 0; i < told.statuses.size(); ++i) EXPECT_EQ(told.statuses[i].revision(), i + 1);
}

TEST_F(WatchOverLoopback, FailingFastDoesNotTryAgainBeforeItsFirstMessage) {
  service_.Stop();
  Watch watch = NewClient().Watch({.fail_fast = true}, recorder_.Events());
  EXPECT_EQ(watch.Wait().error().code, Code::kUnavailable);
}

TEST_F(WatchOverLoopback, WithoutTheTokenIsUnauthenticated) {
  service_.token = "secret";
  Watch watch = NewClient().Watch({}, recorder_.Events());
  EXPECT_EQ(watch.Wait().error().code, Code::kUnauthenticated);
}

TEST_F(WatchOverLoopback, OutlivesTheClientItCameFrom) {
  std::optional<Client> client = NewClient();
  Watch watch = client->Watch({}, recorder_.Events());
  client.reset();
  const auto stream = service_.NextWatch();
  stream->Finish(grpc::Status::OK);
  EXPECT_TRUE(watch.Wait().has_value());
}

}  // namespace
}  // namespace jobstatus
