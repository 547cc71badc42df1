#include "comfy/listener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "comfy/front.h"
#include "comfy/observed.h"
#include "comfy/seat.h"
#include "fakes/fake_comfy.h"

// The live events of a real (fake) ComfyUI over a real socket, and what becomes of them on the board.
namespace comfy {
namespace {

using namespace std::chrono_literals;
using fakes::FakeComfy;
using jobs::JobState;
using jobs::ProgressSource;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kOurs = Observed::kClientId;
constexpr const char* kImage = R"({"9": {"images": [{"filename": "a.png", "subfolder": "", "type": "output"}]}})";

// Asks over HTTP so rarely that whatever happens in a test is due to events.
ObserverOptions ByEventsAlone() {
  ObserverOptions options = Observed::Quick();
  options.poll_interval = options.idle_interval = options.safety_interval = 1h;
  return options;
}

bool AwaitLive(Observed& observed, bool live = true) {
  return observed.Await([&] { return observed.board.Backends()[0].live_progress == live; });
}

std::optional<jobs::Progress> ProgressOf(Observed& observed, const std::string& id) {
  const auto snapshot = observed.board.Find(id, "").snapshot;
  return snapshot ? snapshot->progress : std::nullopt;
}

// The progress once it is at that node and step.
std::optional<jobs::Progress> AwaitNode(Observed& observed, const std::string& id, const std::string& node,
                                        std::int64_t step = 0) {
  std::optional<jobs::Progress> progress;
  const bool reached = observed.Await([&] {
    progress = ProgressOf(observed, id);
    return progress && progress->current_node && progress->current_node->node_id == node &&
           progress->current_node->current_step == step;
  });
  return reached ? progress : std::nullopt;
}

// A job submitted with our client id, at its first node, which is a KSampler.
std::string StartOurJob(FakeComfy& comfyui) {
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  comfyui.StartNode("3");
  return id;
}

// The job that waits begins, and is heard.
void ExpectHeard(FakeComfy& comfyui, Observed& observed, const std::string& id) {
  comfyui.StartNext();
  comfyui.StartNode("3");
  EXPECT_TRUE(AwaitNode(observed, id, "3"));
}

std::string Named(const testing::TestParamInfo<const char*>& version) {
  std::string name = version.param;
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

class LiveOnEveryVersion : public testing::TestWithParam<const char*> {
 protected:
  bool is(const std::string& version) const { return version == GetParam(); }
};

INSTANTIATE_TEST_SUITE_P(Versions, LiveOnEveryVersion,
                         testing::Values("2023-12", "v0.3.44", "v0.3.57", "v0.3.64", "v0.33.0"), Named);

// The default prompt: KSampler 3, VAEDecode 8, SaveImage 9.
TEST_P(LiveOnEveryVersion, AJobSubmittedWithOurClientIdTellsHowFarItIsNodeByNode) {
  FakeComfy comfyui({.version = GetParam()});
  Observed observed(comfyui.url(), ByEventsAlone());
  ASSERT_TRUE(AwaitLive(observed));
  EXPECT_EQ(observed.board.Backends()[0].client_id, kOurs);
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued)) << "status was not heard";
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));

  comfyui.StartNode("3");
  auto progress = AwaitNode(observed, id, "3");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->current_node->node_type, "KSampler");
  EXPECT_EQ(progress->percentage, 0);
  EXPECT_EQ(progress->total_nodes, 3);
  EXPECT_EQ(progress->source, ProgressSource::kOwned);
  comfyui.Step("3", 5, 20);
  progress = AwaitNode(observed, id, "3", 5);
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->current_node->total_steps, 20);
  EXPECT_DOUBLE_EQ(progress->percentage, 100.0 * 0.25 / 3);

  comfyui.FinishNode("3");
  comfyui.StartNode("8");
  progress = AwaitNode(observed, id, "8");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->completed_nodes, 1);
  EXPECT_DOUBLE_EQ(progress->percentage, 100.0 / 3);
  comfyui.FinishNode("8");
  comfyui.StartNode("9");
  comfyui.FinishNode("9", R"({"images": []})");
  comfyui.FinishSuccess(kImage);
  const auto done = observed.AwaitState(id, JobState::kCompleted);
  ASSERT_TRUE(done) << "its end was not heard";
  EXPECT_EQ(done->progress->percentage, 100);
  EXPECT_EQ(done->progress->completed_nodes, 3);
  EXPECT_EQ(done->progress->source, ProgressSource::kOwned);
  EXPECT_EQ(done->outputs.size(), 1u);

  double last = 0;
  for (const jobs::JobStatus& status : observed.Told(id)) {
    if (!status.progress) continue;
    EXPECT_GE(status.progress->percentage, last);
    last = status.progress->percentage;
  }
}

TEST_P(LiveOnEveryVersion, CachedNodesAreNotCounted) {
  FakeComfy comfyui({.version = GetParam()});
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  comfyui.Cached({"3"});
  comfyui.StartNode("8");
  const auto progress = AwaitNode(observed, id, "8");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->total_nodes, 2);
  EXPECT_EQ(progress->cached_nodes, 1);
  EXPECT_EQ(progress->percentage, 0);
}

TEST_P(LiveOnEveryVersion, AJobWithoutAClientIdIsHeardAsFarAsComfyUiTellsEverybody) {
  FakeComfy comfyui({.version = GetParam()});
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.StartNode("3");
  comfyui.Step("3", 5, 20);
  if (is("2023-12") || is("v0.3.44")) {  // {"value": 5, "max": 20}, of no node that is named
    comfyui.FinishSuccess();
    const auto done = observed.AwaitState(id, JobState::kCompleted);
    ASSERT_TRUE(done);
    for (const jobs::JobStatus& status : observed.Told(id)) {
      EXPECT_TRUE(jobs::IsTerminal(status.state) || !status.progress) << "made up";
    }
    return;
  }
  const auto progress = AwaitNode(observed, id, "3", 5);
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->source, ProgressSource::kBroadcast);
  EXPECT_EQ(progress->current_node->node_type, "KSampler");
  EXPECT_DOUBLE_EQ(progress->percentage, 100.0 * 0.25 / 3);
}

TEST_P(LiveOnEveryVersion, AJobOfSomebodyElseSaysNothingOfHowFarItIsAndItsStatesAreRightAllTheSame) {
  FakeComfy comfyui({.version = GetParam()});
  Observed observed(comfyui.url(), ByEventsAlone());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = "somebody"}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.StartNode("3");
  comfyui.Step("3", 5, 20);
  if (is("v0.3.57")) {  // told to everybody, until 0.3.58
    const auto progress = AwaitNode(observed, id, "3", 5);
    ASSERT_TRUE(progress);
    EXPECT_EQ(progress->source, ProgressSource::kBroadcast);
  }
  comfyui.FinishSuccess();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  const bool told_to_all = is("v0.3.57");
  EXPECT_EQ(observed.Told(id).back().progress->source,
            told_to_all ? ProgressSource::kBroadcast : ProgressSource::kHistory);
  EXPECT_EQ(comfyui.sockets().size(), 1u) << "a seat was taken without being asked for";
}

TEST_P(LiveOnEveryVersion, WithTheCompanionTheJobsOfOthersAreHeard) {
  FakeComfy comfyui({.version = GetParam(), .companion = true});
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = "somebody"}).prompt_id;
  comfyui.StartNext();
  comfyui.Cached({"3"});
  comfyui.StartNode("8");
  comfyui.Step("8", 1, 2);
  const auto progress = AwaitNode(observed, id, "8", 1);
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->source, ProgressSource::kCompanion);
  EXPECT_DOUBLE_EQ(progress->percentage, 25);
  EXPECT_EQ(progress->cached_nodes, 1);
}

TEST_P(LiveOnEveryVersion, WithAttachTheSeatOfTheSubmitterIsTakenForAsLongAsItsJobRuns) {
  FakeComfy comfyui({.version = GetParam()});
  ObserverOptions options = Observed::Quick();
  options.listener.attach = true;
  options.listener.max_attached = 1;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = "somebody"}).prompt_id;
  comfyui.Submit({.client_id = "somebody else"});
  EXPECT_TRUE(observed.AwaitState(id, JobState::kQueued));
  EXPECT_EQ(comfyui.sockets().size(), 1u) << "the job does not run yet";
  comfyui.StartNext();
  ASSERT_TRUE(comfyui.WaitForSockets(2));
  EXPECT_EQ(comfyui.sockets()[1].client_id, "somebody");
  comfyui.StartNode("3");
  comfyui.Step("3", 5, 20);
  ASSERT_TRUE(AwaitNode(observed, id, "3", 5));
  EXPECT_TRUE(observed.Await([&] { return ProgressOf(observed, id)->source == ProgressSource::kAttached; }));
  comfyui.FinishSuccess();
  ASSERT_TRUE(comfyui.WaitForClosedSockets(1));
  EXPECT_EQ(comfyui.sockets().size(), 1u);
}

TEST(Attached, NeverIsTheSeatOfAnotherServiceTaken) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.attach = true;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = "jobstatus-of-another"}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  ASSERT_TRUE(observed.AwaitNext<jobs::QueueObserved>(5));
  comfyui.FinishSuccess();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  EXPECT_EQ(comfyui.socket_count(), 1u);
}

TEST(Trap4, AStatusThatSaysNothingButANumberIsReasonToLookAndTheHistoryIsWhatSettlesIt) {
  FakeComfy comfyui;
  Observed observed(comfyui.url(), ByEventsAlone());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = "somebody"}).prompt_id;
  ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued));
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.FinishError({.exception_message = "boom"});
  const auto failed = observed.AwaitState(id, JobState::kFailed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->error->message, "boom");
}

TEST(Trap4, ManyEventsAtOnceMakeFewRequests) {
  FakeComfy comfyui({.version = "v0.3.64"});
  ObserverOptions options = ByEventsAlone();
  options.least_interval = 50ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  std::string last;
  for (int i = 0; i < 1000; ++i) last = comfyui.Submit().prompt_id;  // a status each
  ASSERT_TRUE(observed.AwaitState(last, JobState::kQueued));
  EXPECT_LT(comfyui.request_count("/queue"), 100u);
}

TEST(Trap5, ASocketThatIsOpenAndSilentIsNoticedByWhatTheQueueShowsAndOpenedAgain) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.deafness.after_change = 0ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  ASSERT_TRUE(observed.AwaitNext<jobs::BackendAnswered>(3));
  comfyui.SilenceSockets();
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued)) << "HTTP is the safety net";
  ASSERT_TRUE(comfyui.WaitForSockets(2)) << "nobody noticed";
  ASSERT_TRUE(AwaitLive(observed));
  ExpectHeard(comfyui, observed, id);
  EXPECT_EQ(observed.traffic().silent_sockets, 1u);
  EXPECT_EQ(observed.traffic().sockets_opened, 2u);
  EXPECT_GT(observed.traffic().messages, 0u);
}

TEST(Trap5, AnOldSocketOfOursThatEndsLateTakesTheSeatFromTheNewOneAndItIsTakenBack) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.deafness.after_change = 0ms;
  // What a service that was killed leaves behind: a socket under our id whose end ComfyUI has not noticed.
  auto old = std::make_unique<Observed>(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(*old));
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  ASSERT_TRUE(comfyui.WaitForSockets(2));
  old.reset();
  ASSERT_TRUE(comfyui.WaitForClosedSockets(1));
  ASSERT_EQ(comfyui.sockets().size(), 1u);
  ASSERT_FALSE(comfyui.sockets()[0].seated) << "the fake is too kind";
  ASSERT_TRUE(observed.AwaitNext<jobs::BackendAnswered>(3));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  ASSERT_TRUE(observed.Await([&] {
    const auto sockets = comfyui.sockets();
    return sockets.size() == 1 && sockets[0].seated;
  }));
  ASSERT_TRUE(AwaitLive(observed));
  ExpectHeard(comfyui, observed, id);
}

TEST(Trap5, AJobOfOurOwnThatSaysNothingWhileItRunsMakesTheSeatBeTakenAgain) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.deafness.of_own_job = 20ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.SilenceSockets();  // and the queue does not change
  comfyui.StartNode("3");
  // Who comes back as the owner is told which node runs.
  EXPECT_TRUE(AwaitNode(observed, id, "3"));
  EXPECT_GE(comfyui.socket_count(), 2u);
}

TEST(Trap5, AfterEachConnectionTheAnswerToOurFeatureFlagsProvesThatTheSeatIsOurs) {
  FakeComfy comfyui({.version = "v0.3.64"});
  ObserverOptions options = Observed::Quick();
  options.listener.features_limit = 0ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(comfyui.WaitForSocketTexts(1));
  EXPECT_THAT(comfyui.socket_texts()[0], testing::HasSubstr("feature_flags"));
  comfyui.CutSockets();
  ASSERT_TRUE(comfyui.WaitForSocketTexts(2));
  ASSERT_TRUE(AwaitLive(observed));
}

TEST(Trap5, ASocketThatIsLostAsSoonAsItWasTakenIsOpenedAgainEverMoreSeldom) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.seat.backoff_longest = 1h;
  Observed observed(comfyui.url(), options);
  const auto begun = std::chrono::steady_clock::now();
  for (std::size_t i = 1; i <= 9; ++i) {
    ASSERT_TRUE(comfyui.WaitForSocketTexts(i));  // it has taken the seat
    comfyui.CutSockets();
  }
  // 1 + 2 + 4 + ... + 128 ms, of which chance takes up to a quarter.
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 190ms);
}

TEST(Trap6, HoweverBigAndManyThePreviewsTheyAreReadAndDroppedSoThatNobodyIsHeldUp) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit().prompt_id;
  comfyui.StartNext();
  comfyui.StartNode("3");
  const std::string preview(5'000'000, 'x');
  for (int step = 1; step <= 20; ++step) {
    comfyui.Step("3", step, 20, preview);
  }
  EXPECT_TRUE(AwaitNode(observed, id, "3", 20));
  ASSERT_TRUE(observed.Await([&] { return comfyui.queued_events() == 0; }));
}

TEST(Trap7, AMessageOverTheLimitCostsThatMessage) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.seat.limits.max_message_bytes = 2000;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = StartOurJob(comfyui);
  comfyui.SendFrame(R"({"type": "progress", "data": {"value": 7, "max": 20, "node": "3", "prompt_id": ")" + id +
                    R"(", "more": ")" + std::string(3000, 'x') + R"("}})");
  comfyui.Step("3", 8, 20);
  ASSERT_TRUE(AwaitNode(observed, id, "3", 8));
  for (const auto& status : observed.Told(id)) {
    const bool at_a_node = status.progress && status.progress->current_node;
    EXPECT_FALSE(at_a_node && status.progress->current_node->current_step == 7);
  }
  EXPECT_EQ(comfyui.socket_count(), 1u);
}

TEST(Trap8, ABrokenFrameCostsThatFrame) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = StartOurJob(comfyui);
  for (const char* frame : {"", "{", "null", "[]", "7", R"({"type": 7, "data": []})", R"({"type": "progress"})",
                            R"({"type": "progress", "data": {"value": NaN, "max": Infinity, "node": 3}})",
                            R"({"type": "executed", "data": {"output": {"x": [NaN, 1e999, "\ud800"]}, "node": "3"}})",
                            R"({"type": "of_tomorrow", "data": {"prompt_id": null}})", "\x01\x02garbage"}) {
    comfyui.SendFrame(frame);
  }
  comfyui.Step("3", 8, 20);
  EXPECT_TRUE(AwaitNode(observed, id, "3", 8));
  EXPECT_EQ(comfyui.socket_count(), 1u);
}

TEST(Trap11, ABlockedNodeIsNotTheEndOfTheJob) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = StartOurJob(comfyui);
  comfyui.Block({.node_id = "3", .exception_type = "ExecutionBlocked"});
  comfyui.Step("3", 8, 20);
  EXPECT_TRUE(AwaitNode(observed, id, "3", 8));
  comfyui.FinishSuccess();
  EXPECT_TRUE(observed.AwaitState(id, JobState::kCompleted));
}

TEST(OutOfOrder, WhatTheSocketSaysLateOfAJobThatHasEndedChangesNothing) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued));
  comfyui.HoldEvents();  // the socket may be 18 s behind HTTP
  comfyui.StartNext();
  comfyui.StartNode("3");
  comfyui.Step("3", 5, 20);
  comfyui.FinishSuccess();
  const auto done = observed.AwaitState(id, JobState::kCompleted);
  ASSERT_TRUE(done);
  comfyui.ReleaseEvents();
  const std::string next = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  comfyui.StartNode("3");
  ASSERT_TRUE(AwaitNode(observed, next, "3"));
  EXPECT_EQ(observed.board.Find(id, "").snapshot, done);
}

TEST(OutOfOrder, WhatTheSocketSaysBeforeTheQueueWasAskedIsNotLost) {
  FakeComfy comfyui({.version = "v0.3.64"});
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  std::atomic<bool> held = true;
  comfyui.SetBeforeAnswer([&](const fakes::Request& request) {
    if (request.target == "/queue") held.wait(true);
  });
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  comfyui.Cached({"3"});
  comfyui.StartNode("8");
  held = false;
  held.notify_all();
  const auto progress = AwaitNode(observed, id, "8");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->cached_nodes, 1);
  comfyui.SetBeforeAnswer(nullptr);
}

TEST(Faults, ASocketThatIsCutMidFrameIsOpenedAgainAndWhatHappenedMeanwhileIsTold) {
  FakeComfy comfyui;
  Observed observed(comfyui.url(), ByEventsAlone());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.RefuseSockets(503);
  comfyui.CutSocketsMidFrame();
  ASSERT_TRUE(AwaitLive(observed, false));
  comfyui.FinishSuccess();  // nobody hears it
  comfyui.AllowSockets();
  EXPECT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Faults, ACloseThatTheServerSendsIsAnsweredByComingBack) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  comfyui.CloseSockets();
  EXPECT_TRUE(comfyui.WaitForSockets(2));
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Faults, AServerThatRefusesSocketsIsWatchedOverHttpAlone) {
  FakeComfy comfyui;
  comfyui.RefuseSockets(403);
  Observed observed(comfyui.url());
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  ASSERT_TRUE(observed.AwaitState(id, JobState::kQueued));
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  EXPECT_FALSE(observed.board.Backends()[0].live_progress);
  EXPECT_THAT(observed.board.Backends()[0].client_id, IsEmpty());
  EXPECT_TRUE(observed.board.Backends()[0].reachable);
  comfyui.FinishSuccess();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  comfyui.AllowSockets();
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Faults, ARestartUnderTheSocketIsSeenAtOnceAndTheJobsAreLost) {
  FakeComfy comfyui;
  Observed observed(comfyui.url(), ByEventsAlone());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = StartOurJob(comfyui);
  ASSERT_TRUE(AwaitNode(observed, id, "3"));
  comfyui.Down();
  ASSERT_TRUE(observed.Await([&] { return observed.board.Find(id, "").snapshot->stale; }));
  comfyui.Up();
  const auto lost = observed.AwaitState(id, JobState::kLost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error->reason, jobs::ErrorReason::kBackendRestarted);
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Faults, AfterAnOutageTheSocketIsOpenedAsSoonAsHttpAnswers) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.seat.backoff_first = options.listener.seat.backoff_longest = 1h;
  comfyui.Down();
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(observed.AwaitNext<jobs::BackendFailed>(2));
  comfyui.Up();
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Faults, WhereTheQueueCannotBeReadEventsDoNotMakeItBeAskedTheMore) {
  FakeComfy comfyui({.version = "v0.3.64"});
  ObserverOptions options = ByEventsAlone();
  options.backoff_first = options.backoff_longest = 1h;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  comfyui.Inject("/queue", fakes::Fault::Status(500, "500 Internal Server Error"), -1);
  comfyui.Submit();
  ASSERT_TRUE(observed.AwaitCount<jobs::BackendFailed>(1));
  for (int i = 0; i < 20; ++i) comfyui.Submit();
  ASSERT_TRUE(observed.Await([&] { return comfyui.queued_events() == 0; }));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(comfyui.request_count("/queue"), 1u);
}

TEST(Trap20, AHistoryThatCannotBeReadIsNoReasonToDoubtTheSocket) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.deafness.after_change = 100ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.FinishUnserializable();
  ASSERT_TRUE(observed.AwaitCount<jobs::JobNotObserved>(3));
  const std::size_t before = comfyui.socket_count();
  ASSERT_TRUE(observed.AwaitNext<jobs::JobNotObserved>(20));  // 20 ms between them
  EXPECT_EQ(comfyui.socket_count(), before);
}

TEST(Faults, TenThousandEventsAreToldAsFewAndTheLastIsToldToo) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.flush_interval = 50ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  comfyui.StartNode("3");
  for (int step = 1; step <= 10'000; ++step) comfyui.Step("3", step, 10'000);
  ASSERT_TRUE(AwaitNode(observed, id, "3", 10'000));
  EXPECT_LT(observed.Told(id).size(), 1000u);
}

TEST(Faults, EventsOfAnotherServerBehindTheSameNameConcernNobody) {
  FakeComfy asked;
  FakeComfy heard;
  const Front front({.http = asked.port(), .sockets = heard.port()});
  Observed observed(front.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = asked.Submit({.client_id = kOurs}).prompt_id;
  asked.StartNext();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
  const std::string other = heard.Submit({.client_id = kOurs}).prompt_id;
  heard.StartNext();
  heard.StartNode("3");
  heard.FinishSuccess();
  asked.FinishSuccess();
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  EXPECT_FALSE(observed.board.Find(other, "").snapshot);
}

TEST(Connection, IsMadeWithTheCredentialsAndBelowTheBasePathOfTheBackend) {
  FakeComfy comfyui({.base_path = "/comfy/a"});
  const std::string url = "http://user:p%40ss@" + comfyui.url().substr(7);
  Observed observed(url, Observed::Quick(), {.headers = {"X-Team: images"}});
  ASSERT_TRUE(AwaitLive(observed));
  for (const auto& request : comfyui.requests()) {
    if (!request.target.starts_with("/comfy/a/ws")) continue;
    EXPECT_EQ(request.target, "/comfy/a/ws?clientId=jobstatus-test");
    EXPECT_EQ(request.headers.at("authorization"), "Basic dXNlcjpwQHNz");
    EXPECT_EQ(request.headers.at("x-team"), "images");
    EXPECT_FALSE(request.headers.contains("origin")) << "ComfyUI refuses a foreign one";
    return;
  }
  ADD_FAILURE() << "no upgrade was asked for";
}

TEST(Connection, IsEncryptedWhereTheBackendIsAndTrustsNobodyThatTheCaFileDoesNotVouchFor) {
  FakeComfy comfyui;
  const Front front({.http = comfyui.port()}, true);
  {
    Observed observed(front.url());
    const auto result = observed.LookUp("x");
    EXPECT_TRUE(std::holds_alternative<board::NotAsked>(result));
    EXPECT_EQ(comfyui.socket_count(), 0u);
  }
  Observed observed(front.url(), Observed::Quick(), {.ca_file = front.ca_file()});
  ASSERT_TRUE(AwaitLive(observed));
  const std::string id = StartOurJob(comfyui);
  EXPECT_TRUE(AwaitNode(observed, id, "3"));
}

TEST(Connection, HasTheHeadersThatAreSetForItInPlaceOfItsOwn) {
  FakeComfy comfyui;
  Observed observed(comfyui.url(), Observed::Quick(), {.headers = {"Host: comfy.example", "user-agent: me"}});
  ASSERT_TRUE(AwaitLive(observed));
  for (const auto& request : comfyui.requests()) {
    EXPECT_EQ(request.headers.at("host"), "comfy.example") << request.target;
    EXPECT_EQ(request.headers.at("user-agent"), "me") << request.target;
  }
}

TEST(Connection, WithACaFileThatIsNoneIsNotMadeAndEndsNothing) {
  FakeComfy comfyui;
  const Front front({.http = comfyui.port()}, true);
  const std::string ca_file = testing::TempDir() + "no_ca_" + std::to_string(getpid());
  std::ofstream(ca_file) << "not a certificate\n";
  Observed observed(front.url(), Observed::Quick(), {.ca_file = ca_file});
  EXPECT_TRUE(std::holds_alternative<board::NotAsked>(observed.LookUp("x")));
  EXPECT_TRUE(observed.AwaitNext<jobs::BackendFailed>(3));
  EXPECT_EQ(comfyui.socket_count(), 0u);
  unlink(ca_file.c_str());
}

TEST(Connection, OverIpv6) {
  FakeComfy comfyui({.address = "::1"});
  Observed observed(comfyui.url());
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Connection, IsPingedSoThatADeadPeerIsNoticed) {
  FakeComfy comfyui;
  ObserverOptions options = Observed::Quick();
  options.listener.seat.limits.idle_timeout = 100ms;
  Observed observed(comfyui.url(), options);
  ASSERT_TRUE(AwaitLive(observed));
  EXPECT_TRUE(comfyui.WaitForPings(2));
  EXPECT_EQ(comfyui.socket_count(), 1u) << "the pongs were not taken for life";
  comfyui.Freeze();
  EXPECT_TRUE(AwaitLive(observed, false));
  comfyui.Thaw();
  EXPECT_TRUE(AwaitLive(observed));
}

TEST(Connection, IsSaidToBeCutWhenTheOtherSideEndsItAndNotWhenWeDo) {
  FakeComfy comfyui;
  boost::asio::io_context io;
  HttpOptions http;
  http.address = Address::Parse(comfyui.url()).value();
  int taken = 0;
  int lost = 0;
  int cut = 0;
  const auto seat = std::make_shared<Seat>(io, http, SeatOptions{.backoff_first = 1ms, .backoff_longest = 5ms}, kOurs,
                                           jobs::RunEvent::Channel::kSeat,
                                           Seat::Ears{.taken = [&] { ++taken; },
                                                      .lost = [&](const jobs::BackendError&) { ++lost; },
                                                      .cut = [&] { ++cut; },
                                                      .heard = [](const SocketMessage&) {}});
  const auto await = [&](const int& count, int wanted) {
    while (count < wanted && io.run_one_for(20s) > 0) continue;
    return count == wanted;
  };
  seat->Start();
  ASSERT_TRUE(await(taken, 1));
  seat->Retake();
  ASSERT_TRUE(await(taken, 2));
  EXPECT_EQ(cut, 0);
  comfyui.CutSockets();
  ASSERT_TRUE(await(lost, 2));
  EXPECT_EQ(cut, 1);
  seat->Stop(false);
  io.run();
}

TEST(TwoJobsAtOnce, EachHasItsOwnProgress) {
  FakeComfy comfyui;
  Observed observed(comfyui.url());
  ASSERT_TRUE(AwaitLive(observed));
  const std::string first = comfyui.Submit({.client_id = kOurs}).prompt_id;
  const std::string second = comfyui.Submit({.client_id = kOurs}).prompt_id;
  comfyui.StartNext();
  comfyui.StartNode("3");
  ASSERT_TRUE(AwaitNode(observed, first, "3"));
  EXPECT_FALSE(ProgressOf(observed, second));
  comfyui.FinishSuccess();
  comfyui.StartNext();
  comfyui.StartNode("8");
  ASSERT_TRUE(AwaitNode(observed, second, "8"));
  EXPECT_EQ(ProgressOf(observed, first)->percentage, 100);
}

}  // namespace
}  // namespace comfy
