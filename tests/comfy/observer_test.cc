#include "comfy/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "comfy/front.h"
#include "comfy/observed.h"
#include "fakes/fake_comfy.h"

namespace comfy {
namespace {

using namespace std::chrono_literals;
using fakes::FakeComfy;
using fakes::Fault;
using jobs::ErrorReason;
using jobs::JobState;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kImage = R"({"9": {"images": [{"filename": "a b.png", "subfolder": "", "type": "output"}]}})";

class OnEveryVersion : public testing::TestWithParam<const char*> {
 protected:
  FakeComfy comfyui{{.version = GetParam()}};
};

INSTANTIATE_TEST_SUITE_P(Versions, OnEveryVersion, testing::Values("2023-12", "v0.3.44", "v0.3.64", "v0.33.0"),
                         [](const auto& version) {
                           std::string name = version.param;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
                           return name;
                         });

TEST_P(OnEveryVersion, AJobIsSeenQueuedThenRunningThenCompletedWithItsOutputs) {
  Observed observed(comfyui.url());
  const std::string blocker = comfyui.Submit().prompt_id;
  const std::string id = comfyui.Submit().prompt_id;
  const auto queued = observed.AwaitState(id, JobState::kQueued);
  ASSERT_TRUE(queued);
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(blocker, JobState::kProcessing));
  comfyui.FinishSuccess();
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.FinishSuccess(kImage);
  const auto completed = observed.AwaitState(id, JobState::kCompleted);
  ASSERT_TRUE(completed);
  ASSERT_EQ(completed->outputs.size(), 1u);
  EXPECT_EQ(completed->outputs[0].url, comfyui.url() + "/view?filename=a%20b.png&type=output");
  EXPECT_EQ(completed->backend, Observed::kBackend);
}

TEST_P(OnEveryVersion, AFailureIsToldWithWhatTheVersionRecordsOfIt) {
  Observed observed(comfyui.url());
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.FinishError({.node_type = "VAEDecode", .exception_message = "out of memory"});
  if (std::string(GetParam()) == "2023-12") {
    const auto ended = observed.AwaitState(id, JobState::kCompleted);
    ASSERT_TRUE(ended);
    EXPECT_FALSE(ended->verdict_recorded);
    return;
  }
  const auto failed = observed.AwaitState(id, JobState::kFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error->node_type, "VAEDecode");
  EXPECT_EQ(failed->error->message, "out of memory");
}

TEST_P(OnEveryVersion, Trap1NeverToldWhatItDoesNotKnowAUnknownIdIsNotFoundAfterQueueAndHistory) {
  Observed observed(comfyui.url());
  comfyui.Submit();
  EXPECT_TRUE(std::holds_alternative<board::NotFound>(observed.LookUp("no-such-job")));
}

TEST_P(OnEveryVersion, AJobOfBeforeTheServiceStartedIsFoundInTheHistory) {
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  comfyui.FinishSuccess(kImage);
  Observed observed(comfyui.url());
  const auto result = observed.LookUp(id);
  ASSERT_TRUE(std::holds_alternative<board::Snapshot>(result));
  EXPECT_EQ(std::get<board::Snapshot>(result)->state, JobState::kCompleted);
}

TEST_P(OnEveryVersion, ADeletedJobIsCancelledWhenTheQueueWasWatchedWithoutAGap) {
  Observed observed(comfyui.url());
  comfyui.Submit();
  comfyui.StartNext();
  const std::string id = comfyui.Submit().prompt_id;
  ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued));
  comfyui.DeletePending({id});
  const auto cancelled = observed.AwaitState(id, JobState::kCancelled);
  ASSERT_TRUE(cancelled);
  EXPECT_EQ(cancelled->error->reason, ErrorReason::kRemovedFromQueue);
}

TEST_P(OnEveryVersion, TheVersionIsFoundOutByAsking) {
  Observed observed(comfyui.url());
  comfyui.Submit();
  ASSERT_TRUE(observed.AwaitNext<jobs::QueueObserved>());
  const auto backend = observed.board.Backends()[0];
  EXPECT_TRUE(backend.reachable);
  EXPECT_EQ(backend.comfyui_version.empty(), std::string(GetParam()) == "2023-12");
  const bool has_jobs_api = std::string(GetParam()) == "v0.33.0";
  // Where there is /api/jobs the queue is asked for the workflow of the one job, and then no more.
  ASSERT_TRUE(observed.AwaitNext<jobs::QueueObserved>(5));
  EXPECT_EQ(comfyui.request_count("/queue") <= 1, has_jobs_api);
  EXPECT_TRUE(has_jobs_api || comfyui.request_count("/api/jobs") == 1) << "asked again though it answered 404";
}

// The life of a job, one step at a time, and what may truthfully be said after each.
struct Life {
  std::string name;
  std::vector<std::function<void(FakeComfy&)>> steps;
  std::vector<std::vector<JobState>> true_after;  // after step i; the states that are not false then
  JobState end;
};

const std::string kId = "12345678-0000-4000-8000-000000000001";

std::vector<Life> Lives() {
  // The /queue or history answer may be older than the moment it is told, so what was true before stays allowed; what
  // was not yet true never is.
  const auto submit = [](FakeComfy& comfyui) { comfyui.Submit({.prompt_id = kId}); };
  const auto start = [](FakeComfy& comfyui) { comfyui.StartNext(); };
  const std::vector<JobState> queued = {JobState::kQueued};
  const std::vector<JobState> running = {JobState::kQueued, JobState::kProcessing};
  const auto ended = [](JobState end) { return std::vector<JobState>{JobState::kQueued, JobState::kProcessing, end}; };
  return {
      {"success",
       {submit, start, [](FakeComfy& c) { c.FinishSuccess(kImage); }},
       {queued, running, ended(JobState::kCompleted)},
       JobState::kCompleted},
      {"failure",
       {submit, start, [](FakeComfy& c) { c.FinishError(); }},
       {queued, running, ended(JobState::kFailed)},
       JobState::kFailed},
      {"interruption",
       {submit, start, [](FakeComfy& c) { c.FinishInterrupted(); }},
       {queued, running, ended(JobState::kCancelled)},
       JobState::kCancelled},
  };
}

// Takes the life's steps at the given requests: step i just before the answer to request at[i] is computed. All pairs
// of requests, and so all ways a step can fall before, between or after them, are met as the schedule goes through its
// values.
void LiveThrough(const char* version, const Life& life, const std::vector<std::size_t>& at) {
  FakeComfy comfyui({.version = version});
  std::atomic<std::size_t> taken = 0;
  std::size_t request = 0;
  comfyui.SetBeforeAnswer([&](const fakes::Request& asked) {
    if (asked.target.starts_with("/system_stats")) return;
    while (taken < life.steps.size() && at[taken] <= request) life.steps[taken++](comfyui);
    ++request;
  });

  Observed observed(comfyui.url());
  observed.SetOnStatus([&](const jobs::JobStatus& status) {
    ASSERT_GT(taken, 0u) << "told of a job that was not there";
    EXPECT_THAT(life.true_after[taken - 1], testing::Contains(status.state));
    EXPECT_FALSE(status.stale);
  });
  const auto found = observed.LookUp(kId, 20s);
  ASSERT_TRUE(std::holds_alternative<board::Snapshot>(found));
  ASSERT_TRUE(observed.AwaitState(kId, life.end)) << "never told how it ended";
  const auto states = States(observed.Told(kId));
  EXPECT_TRUE(std::ranges::is_sorted(states)) << "went back";
  comfyui.SetBeforeAnswer(nullptr);
}

TEST(EveryInterleaving, OfAJobsLifeWithTheTwoRequestsTellsOnlyTheTruth) {
  constexpr std::size_t kRequests = 6;
  int schedules = 0;
  for (const char* version : {"v0.3.64", "v0.33.0"}) {
    for (const Life& life : Lives()) {
      for (std::size_t a = 0; a < kRequests; ++a) {
        for (std::size_t b = a; b < kRequests; ++b) {
          for (std::size_t c = b; c < kRequests; ++c) {
            SCOPED_TRACE(life.name + " on " + version + " at " + std::to_string(a) + std::to_string(b) +
                         std::to_string(c));
            LiveThrough(version, life, {a, b, c});
            if (testing::Test::HasFailure()) return;
            ++schedules;
          }
        }
      }
    }
  }
  EXPECT_EQ(schedules, 2 * 3 * 56);
}

TEST(Trap1, AnEmptyHistoryIsNoVerdictWhileTheJobRuns) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  ASSERT_TRUE(observed.AwaitNext<jobs::QueueObserved>(5));
  EXPECT_EQ(observed.board.Find(id, "").snapshot->state, JobState::kProcessing);
}

TEST(Trap2, TheQueueIsAskedBeforeTheHistoryWheneverAJobIsLookedFor) {
  FakeComfy comfyui({.version = "v0.3.64"});
  Observed observed(comfyui.url());
  observed.LookUp("x");
  std::vector<std::string> asked;
  for (const auto& request : comfyui.requests()) {
    if (request.target.starts_with("/queue") || request.target.starts_with("/history")) asked.push_back(request.target);
  }
  EXPECT_THAT(asked, ElementsAre("/queue", "/history/x"));
}

TEST(Trap3, AJobWhoseHistoryWasClearedBeforeItWasReadIsLostNotDone) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  std::atomic<bool> once = true;
  comfyui.SetBeforeAnswer([&](const fakes::Request&) {
    if (!once.exchange(false)) return;
    comfyui.FinishSuccess();
    comfyui.ClearHistory();
  });
  const auto lost = observed.AwaitState(id, JobState::kLost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error->reason, ErrorReason::kVanished);
  comfyui.SetBeforeAnswer(nullptr);
}

TEST(Trap3, AfterARestartJobsAreLostAndOneThatIsSubmittedAgainLivesAgain) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  comfyui.Submit({.prompt_id = kId});
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  comfyui.Down();
  ASSERT_TRUE(observed.Await([&] { return observed.board.Find(kId, "").snapshot->stale; }));
  EXPECT_EQ(observed.board.Find(kId, "").snapshot->state, JobState::kQueued) << "an outage is no verdict";
  comfyui.Up();
  const auto lost = observed.AwaitState(kId, JobState::kLost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error->reason, ErrorReason::kBackendRestarted);
  comfyui.Submit({.prompt_id = kId});
  EXPECT_TRUE(observed.AwaitState(kId, JobState::kQueued));
}

TEST(Trap3, ARestartTooQuickToBeMetByARequestIsNoRemovalFromTheQueue) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  comfyui.Submit({.prompt_id = kId});
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  comfyui.Restart();
  const auto lost = observed.AwaitState(kId, JobState::kLost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error->reason, ErrorReason::kBackendRestarted);
}

TEST(Trap13, OfTwoRunsOfOneIdTheFirstIsFollowedToItsEnd) {
  for (const char* version : {"v0.3.64", "v0.33.0"}) {
    FakeComfy comfyui({.version = version});
    Observed observed(comfyui.url());
    comfyui.Submit({.prompt_id = kId});
    comfyui.StartNext();
    comfyui.Submit({.prompt_id = kId});
    ASSERT_TRUE(observed.AwaitState(kId, JobState::kProcessing));
    comfyui.FinishSuccess(kImage);
    ASSERT_TRUE(observed.AwaitState(kId, JobState::kCompleted));
    comfyui.StartNext();
    comfyui.FinishError();
    ASSERT_TRUE(observed.AwaitNext<jobs::BackendAnswered>(3));
    EXPECT_THAT(States(observed.Told(kId)), testing::Not(testing::Contains(JobState::kFailed)))
        << "a job leaves no terminal state";
  }
}

TEST(Trap13, TheHistoryOfAnEarlierRunIsNotTakenForThisOnesEnd) {
  FakeComfy comfyui;
  comfyui.Submit({.prompt_id = kId});
  comfyui.StartNext();
  comfyui.FinishSuccess(kImage);
  comfyui.Submit({.prompt_id = "12345678-0000-4000-8000-00000000000b"});
  comfyui.StartNext();
  comfyui.Submit({.prompt_id = kId});
  Observed observed(comfyui.url());
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  comfyui.DeletePending({kId});
  EXPECT_TRUE(observed.AwaitState(kId, JobState::kCancelled)) << "not COMPLETED, as the history says of the run before";
}

TEST(Trap14, AnIdleServerIsAskedOnlyForItsThirtyNineBytes) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(comfyui.WaitForRequests("/prompt", 10));
  EXPECT_EQ(comfyui.request_count("/queue") + comfyui.request_count("/api/jobs") + comfyui.request_count("/history"),
            0u);
}

TEST(Trap14, WhileTheQueueIsTooDearTheEndOfARunningJobIsFoundWithoutIt) {
  FakeComfy comfyui({.version = "v0.3.64"});
  auto options = Observed::Quick();
  options.pacing = {.share = 0.005, .burst = 1ms};  // it is not asked again for two seconds
  comfyui.SetBeforeAnswer([](const fakes::Request& request) {
    if (request.target == "/queue") std::this_thread::sleep_for(100ms);  // a big queue, which takes this long to write
  });
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.FinishSuccess(kImage);
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  EXPECT_EQ(comfyui.request_count("/queue"), 1u);
}

TEST(Trap14, AFloodOfLookUpsOfUnknownIdsKeepsToTheShareAndEveryOneIsAnswered) {
  FakeComfy comfyui({.version = "v0.3.64"});
  auto options = Observed::Quick();
  options.pacing = {.share = 0.2, .burst = 1ms};
  const auto begin = std::chrono::steady_clock::now();
  Observed observed(comfyui.url(), options);
  std::atomic<int> answered = 0;
  std::vector<board::Board::Handle> tickets;
  for (int i = 0; i < 100; ++i) {
    tickets.push_back(
        observed.board.LookUp("unknown-" + std::to_string(i), "", jobs::Steady{}, {}, [&](auto) { ++answered; }));
  }
  EXPECT_TRUE(observed.Await([&] { return answered == 100; })) << "paced, but none forgotten";
  // Each answer is charged with half a millisecond at least. A turn that begins may overdraw, hence the factor.
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  const auto affordable = (elapsed * 2 / 5 + 1ms) / 500us + 10;
  EXPECT_LE(static_cast<std::int64_t>(comfyui.request_count("")), affordable);
}

TEST(Trap14, JobsWithOddExtraDataBreakTheJobsApiSoTheQueueIsAskedInstead) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  const std::string odd = comfyui.Submit({.extra_data_json = R"({"extra_pnginfo": null})"}).prompt_id;
  const std::string well = comfyui.Submit().prompt_id;
  ASSERT_TRUE(observed.AwaitState(well, JobState::kQueued));
  ASSERT_TRUE(observed.AwaitState(odd, JobState::kQueued));
  EXPECT_GT(comfyui.request_count("/queue"), 0u);
  comfyui.DeletePending({odd});
  const auto before = comfyui.request_count("/api/jobs");
  EXPECT_TRUE(comfyui.WaitForRequests("/api/jobs", before + 1)) << "not tried again";
}

TEST(Trap16, ALongStallIsNoRestartAndLosesNoJob) {
  FakeComfy comfyui;
  comfy::HttpOptions http;
  http.answer_timeout = 100ms;
  Observed observed(comfyui.url(), Observed::Quick(), http);
  comfyui.Submit({.prompt_id = kId});
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kProcessing));
  comfyui.Freeze();
  ASSERT_TRUE(observed.Await([&] { return observed.board.Find(kId, "").snapshot->stale; }));
  comfyui.Thaw();
  ASSERT_TRUE(observed.Await([&] { return !observed.board.Find(kId, "").snapshot->stale; }));
  EXPECT_EQ(observed.board.Find(kId, "").snapshot->state, JobState::kProcessing);
  EXPECT_THAT(States(observed.Told(kId)), testing::Not(testing::Contains(JobState::kLost)));
}

TEST(Trap17, NothingIsConcludedFromAQueueThatADeadWorkerLeftStanding) {
  FakeComfy comfyui;
  const std::string stuck = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  comfyui.Submit({.number = "1"});
  comfyui.Submit({.prompt_id = kId, .number = "5"});
  comfyui.Submit({.prompt_id = kId, .number = "5"});  // the twin the worker dies of
  Observed observed(comfyui.url());
  ASSERT_TRUE(observed.AwaitState(stuck, JobState::kProcessing));
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  ASSERT_TRUE(observed.AwaitNext<jobs::QueueObserved>(5));
  EXPECT_EQ(observed.board.Find(stuck, "").snapshot->state, JobState::kProcessing);
  EXPECT_EQ(observed.board.Find(kId, "").snapshot->queue->position, 2);
  EXPECT_EQ(observed.board.Find(kId, "").snapshot->queue->size, 3);
}

TEST(Trap18, OddIdsAreFoundUnderTheirExactNames) {
  FakeComfy comfyui({.version = "v0.3.64"});
  for (const std::string id : {"my-own-id", "123", "jöb-☃-😀", "a/b/../c?x=1#y", " a b ", "50%25", "[1, 2]", "..", ".",
                               "q\"'\\", "{}", "+&="}) {
    comfyui.Submit({.prompt_id = id});
    comfyui.StartNext();
    comfyui.FinishSuccess(kImage);
    Observed observed(comfyui.url());
    const auto result = observed.LookUp(id);
    ASSERT_TRUE(std::holds_alternative<board::Snapshot>(result)) << id;
    EXPECT_EQ(std::get<board::Snapshot>(result)->job_id, id);
  }
}

TEST(Trap18, AnIdTooOddToBeAskedForTakesItsPlaceInTheQueueAndHarmsNoOther) {
  FakeComfy comfyui({.version = "v0.3.64"});
  comfyui.Submit({.prompt_id = std::string(10'000, 'k')});
  comfyui.Submit({.prompt_id = "line\nbreak"});
  comfyui.Submit({.prompt_id = "well"});
  Observed observed(comfyui.url());
  const auto queued = observed.AwaitState("well", JobState::kQueued);
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->queue->position, 3);
  EXPECT_EQ(queued->queue->size, 3);
  EXPECT_FALSE(observed.board.Find("line\nbreak", "").snapshot);
}

TEST(Trap20, AHistoryThatCannotBeEncodedCostsNoOtherJobAnything) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  const std::string poison = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(poison, JobState::kProcessing));
  comfyui.FinishUnserializable();
  ASSERT_TRUE(observed.Await([&] { return observed.board.Find(poison, "").snapshot->stale; }));
  EXPECT_EQ(observed.board.Find(poison, "").snapshot->state, JobState::kProcessing) << "a 500 is no failed job";
  EXPECT_TRUE(observed.board.Backends()[0].reachable);

  const std::string well = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  comfyui.FinishSuccess(kImage);
  const auto result = observed.LookUp(well);
  ASSERT_TRUE(std::holds_alternative<board::Snapshot>(result));
  EXPECT_EQ(std::get<board::Snapshot>(result)->state, JobState::kCompleted);

  const auto failed = std::get<board::NotAsked>([&] {
    Observed other(comfyui.url());
    return other.LookUp(poison);
  }());
  EXPECT_EQ(failed.error.kind, jobs::BackendError::Kind::kHttpError);
  EXPECT_EQ(failed.error.http_status, 500);

  comfyui.DeleteHistory(poison);
  EXPECT_TRUE(observed.AwaitState(poison, JobState::kLost));
}

TEST(Trap21, TimesAreComfyuisOwnAndAbsentWhereItKeepsNone) {
  std::int64_t clock_ms = 1'700'000'000'000;
  for (const char* version : {"2023-12", "v0.3.64", "v0.33.0"}) {
    FakeComfy comfyui({.version = version, .now_ms = [&] { return clock_ms += 1000; }});
    const std::string id = comfyui.Submit().prompt_id;
    comfyui.StartNext();
    comfyui.FinishSuccess();
    Observed observed(comfyui.url());
    const auto status = std::get<board::Snapshot>(observed.LookUp(id));
    const bool has_times = std::string(version) != "2023-12";
    EXPECT_EQ(status->create_time.has_value(), std::string(version) == "v0.33.0");
    EXPECT_EQ(status->start_time.has_value(), has_times);
    EXPECT_EQ(status->end_time.has_value(), has_times);
    if (!has_times) continue;
    EXPECT_LT(*status->start_time, *status->end_time);
    EXPECT_LT(*status->end_time, jobs::Time(1'700'000'060s)) << "the service's clock, not ComfyUI's";
  }
}

TEST(Trap22, AKeptConnectionThatTheServerClosedIsReplacedWithoutAFailure) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.enabled = false;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(comfyui.WaitForRequests("/prompt", 3));
  EXPECT_EQ(comfyui.connection_count(), 1) << "one kept-alive connection";
  comfyui.Inject("/prompt", Fault::CloseBeforeAnswer());
  const auto before = comfyui.request_count("/prompt");
  ASSERT_TRUE(comfyui.WaitForRequests("/prompt", before + 3));
  EXPECT_EQ(comfyui.connection_count(), 2);
  EXPECT_TRUE(observed.board.Backends()[0].reachable);
  EXPECT_TRUE(observed.board.Backends()[0].last_error.empty());
}

TEST(Observer, AnEndThatWasHeardIsReadInTheHistoryBeforeTheQueueIsAsked) {
  FakeComfy comfyui;
  auto options = Observed::Quick();
  options.safety_interval = 1h;  // asks only when something is heard or looked for
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(comfyui.WaitForSocketTexts(1));
  const std::string id = comfyui.Submit({.client_id = Observed::kClientId}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.HoldEvents();
  // What was heard before the first of these has been looked at after the second.
  for (int i = 0; i < 2; ++i) observed.LookUp("unknown");
  const std::size_t before = comfyui.request_count();
  comfyui.FinishSuccess();
  comfyui.ReleaseEvents();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  EXPECT_EQ(comfyui.requests().at(before).target, "/history/" + id);
  observed.LookUp("unknown");
  EXPECT_EQ(comfyui.request_count("/history/" + id), 1u) << "and not again";
}

TEST(Observer, FindsAJobThatIsSubmittedAfterTheLookUpBegan) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  comfyui.SetAfterAnswer([&, submitted = false](const fakes::Request& request) mutable {
    if (submitted || !request.target.starts_with("/history/")) return;
    submitted = true;
    comfyui.Submit({.prompt_id = kId});
    comfyui.StartNext();
    comfyui.FinishSuccess();
  });
  const auto result = observed.LookUp(kId, 20s);
  ASSERT_TRUE(std::holds_alternative<board::Snapshot>(result));
  EXPECT_EQ(std::get<board::Snapshot>(result)->state, JobState::kCompleted);
  comfyui.SetAfterAnswer(nullptr);
}

TEST(Observer, TakesNoAnswerFromBeforeALookUpBeganForItsAnswer) {
  FakeComfy comfyui({.version = "v0.3.64"});
  Observed observed(comfyui.url());
  std::promise<board::LookupResult> result;
  board::Board::Handle ticket;
  std::atomic<bool> once = true;  // not within the hook, of which each request has a copy
  // The answer of /queue is made and lacks the job; then the job is submitted and looked for; then the answer arrives.
  comfyui.SetAfterAnswer([&](const fakes::Request& request) {
    if (request.target != "/queue" || !once.exchange(false)) return;
    comfyui.Submit({.prompt_id = kId});
    const auto now = std::chrono::time_point_cast<jobs::Duration>(std::chrono::steady_clock::now());
    ticket = observed.board.LookUp(kId, "", now, now, [&](auto r) { result.set_value(std::move(r)); });
    observed.Settle();
  });
  observed.LookUp("somebody else");
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  auto answered = result.get_future();
  ASSERT_EQ(answered.wait_for(20s), std::future_status::ready);
  EXPECT_TRUE(std::holds_alternative<board::Snapshot>(answered.get()));
  comfyui.SetAfterAnswer(nullptr);
}

TEST(Observer, IsPatientWithAServerThatHangsButNotForEver) {
  FakeComfy comfyui;
  auto options = Observed::Quick();
  options.lookup_patience = 50ms;
  comfyui.Inject("/", Fault::Hang(), -1);
  Observed observed(comfyui.url(), options);
  const auto result = observed.LookUp("x");
  EXPECT_EQ(std::get<board::NotAsked>(result).error.kind, jobs::BackendError::Kind::kTimeout);
}

TEST(Observer, WhoWaitsForAJobWaitsNoLongerBecauseTheServerIsAway) {
  auto options = Observed::Quick();
  options.backoff_first = options.backoff_longest = 1h;  // it will not be asked again
  options.lookup_patience = 1h;
  Observed observed("http://127.0.0.1:1", options);
  ASSERT_TRUE(observed.Await([&] { return !observed.board.Backends()[0].last_error.empty(); }));
  const auto result = observed.LookUp("x", 50ms);
  EXPECT_EQ(std::get<board::NotAsked>(result).error.kind, jobs::BackendError::Kind::kUnreachable);
}

TEST(Observer, TellsTheKindsOfFailureApart) {
  using Kind = jobs::BackendError::Kind;
  FakeComfy comfyui({.version = "v0.3.64"});
  comfy::HttpOptions http;
  http.answer_timeout = 200ms;
  http.max_body_bytes = 100'000;
  const std::vector<std::tuple<const char*, Fault, Kind>> faults = {
      {"500", Fault::Status(500, "500 Internal Server Error"), Kind::kHttpError},
      {"403", Fault::Status(403), Kind::kHttpError},
      {"429", Fault::Status(429), Kind::kHttpError},
      {"redirect", Fault::Redirect("http://127.0.0.1:1/"), Kind::kHttpError},
      {"page of HTML", Fault::Body("<!DOCTYPE html><html></html>"), Kind::kBadResponse},
      {"truncated JSON", Fault::Body("{\"queue_running\": [], \"queue_pen"), Kind::kBadResponse},
      {"empty body", Fault::Body(""), Kind::kBadResponse},
      {"over the limit", Fault::TooBig(200'000), Kind::kBadResponse},
      {"never answers", Fault::Hang(), Kind::kTimeout},
      {"drips", Fault::Drip(1, 20ms, std::string(1000, ' ')), Kind::kTimeout},
      {"closes", Fault::CloseBeforeAnswer(), Kind::kUnreachable},
      {"closes midway", Fault::CloseMidBody(), Kind::kUnreachable},
  };
  for (const auto& [name, fault, kind] : faults) {
    SCOPED_TRACE(name);
    comfyui.ClearFaults();
    comfyui.Inject("/queue", fault, -1);
    Observed observed(comfyui.url(), Observed::Quick(), http);
    const auto result = observed.LookUp("x");
    ASSERT_TRUE(std::holds_alternative<board::NotAsked>(result));
    EXPECT_EQ(std::get<board::NotAsked>(result).error.kind, kind);
    const auto errors = observed.traffic().errors;
    EXPECT_GT(errors[static_cast<std::size_t>(kind)], 0u);
    EXPECT_EQ(std::ranges::count(errors, 0u), static_cast<std::ptrdiff_t>(errors.size()) - 1) << "of no other kind";
    EXPECT_FALSE(std::get<board::NotAsked>(result).error.detail.empty());
    comfyui.ClearFaults();
    EXPECT_TRUE(observed.AwaitNext<jobs::BackendAnswered>()) << "did not recover";
  }
}

TEST(Observer, SaysUnreachableOfAPortWhereNobodyListensAndOfANameThatDoesNotExist) {
  for (const char* url : {"http://127.0.0.1:1", "http://no-such-host.invalid:8188", "https://127.0.0.1:1"}) {
    Observed observed(url);
    const auto result = observed.LookUp("x");
    EXPECT_EQ(std::get<board::NotAsked>(result).error.kind, jobs::BackendError::Kind::kUnreachable) << url;
    EXPECT_FALSE(observed.board.Backends()[0].reachable);
    EXPECT_FALSE(observed.board.Backends()[0].last_error.empty());
  }
}

TEST(Observer, SpeaksToServersWithABasePathOverIpv6AndWithCompressedAnswers) {
  for (const auto& options :
       {fakes::FakeComfyOptions{.base_path = "/comfy/a"}, fakes::FakeComfyOptions{.address = "::1"},
        fakes::FakeComfyOptions{.version = "v0.3.64", .compress = true}}) {
    FakeComfy comfyui(options);
    Observed observed(comfyui.url());
    const std::string id = comfyui.Submit().prompt_id;
    ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued));
    comfyui.StartNext();
    comfyui.FinishSuccess(kImage);
    const auto done = observed.AwaitState(id, JobState::kCompleted);
    ASSERT_TRUE(done);
    EXPECT_THAT(done->outputs[0].url, testing::StartsWith(comfyui.url() + "/view?"));
  }
}

TEST(Observer, SendsCredentialsAndHeadersButNoOrigin) {
  FakeComfy comfyui;
  const auto headers_of = [&](const std::string& url, HttpOptions http) {
    const auto before = comfyui.requests().size();
    const auto asked = comfyui.request_count("/system_stats");
    Observed observed(url, Observed::Quick(), std::move(http));
    comfyui.WaitForRequests("/system_stats", asked + 1);
    const auto requests = comfyui.requests();
    const auto is_http = [](const auto& request) { return !request.target.starts_with("/ws"); };
    return std::find_if(requests.begin() + static_cast<std::ptrdiff_t>(before), requests.end(), is_http)->headers;
  };
  const std::string host = comfyui.url().substr(7);
  const auto basic = headers_of("http://user:p%40ss@" + host, {});
  EXPECT_EQ(basic.at("authorization"), "Basic dXNlcjpwQHNz");
  EXPECT_FALSE(basic.contains("origin"));
  EXPECT_EQ(basic.at("accept-encoding"), "gzip");
  const auto bearer = headers_of(comfyui.url(), {.bearer_token = "t0ken", .headers = {"X-Team: images"}});
  EXPECT_EQ(bearer.at("authorization"), "Bearer t0ken");
  EXPECT_EQ(bearer.at("x-team"), "images");
}

TEST(Observer, TrustsNoCertificateThatNobodyVouchesFor) {
  FakeComfy comfyui;
  const Front front({.http = comfyui.port()}, true);
  {
    Observed observed(front.url());
    const auto result = observed.LookUp("x");
    EXPECT_EQ(std::get<board::NotAsked>(result).error.kind, jobs::BackendError::Kind::kUnreachable);
    EXPECT_THAT(observed.board.Backends()[0].last_error, HasSubstr("certificate"));
  }
  Observed observed(front.url(), Observed::Quick(), {.ca_file = front.ca_file()});
  EXPECT_TRUE(observed.Await([&] { return observed.board.Backends()[0].reachable; }));
}

TEST(Observer, EndsItsLookUpsWhenItIsStopped) {
  FakeComfy comfyui;
  comfyui.Inject("/", Fault::Hang(), -1);
  Observed observed(comfyui.url());
  std::optional<board::LookupResult> result;
  const auto ticket =
      observed.board.LookUp("x", "", jobs::Steady::max() - 24h, {}, [&](auto r) { result = std::move(r); });
  ASSERT_TRUE(comfyui.WaitForRequests("", 1));
  observed.Stop();
  ASSERT_TRUE(result);
  EXPECT_TRUE(std::holds_alternative<board::NotAsked>(*result));
}

}  // namespace
}  // namespace comfy
