#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>

#include "comfy/front.h"
#include "comfy/observed.h"
#include "comfy/observer.h"
#include "fakes/fake_comfy.h"

// Jobs over a restart of the service, and over one of ComfyUI.
namespace comfy {
namespace {

using namespace std::chrono_literals;
using fakes::FakeComfy;
using fakes::Fault;
using jobs::ErrorReason;
using jobs::JobState;
using testing::Contains;
using testing::Not;

const std::string kId = "12345678-0000-4000-8000-000000000001";
const std::string kOther = "12345678-0000-4000-8000-000000000002";

// A job as it is remembered of an earlier life of the service.
Remembered::Unfinished Known(const fakes::Submitted& submitted, bool running = false) {
  return {.job_id = submitted.prompt_id,
          .number = {.value = std::stod(submitted.number), .counted = true},
          .running = running};
}

Remembered::Finished Witness(const fakes::Submitted& submitted) {
  return {.job_id = submitted.prompt_id, .number = Known(submitted).number};
}

// A job that ends before anybody looks.
fakes::Submitted Finished(FakeComfy& comfyui, const std::string& id = "") {
  const auto submitted = comfyui.Submit({.prompt_id = id});
  comfyui.StartNext();
  comfyui.FinishSuccess();
  return submitted;
}

ObserverOptions WithoutSocket() {
  ObserverOptions options = Observed::Quick();
  options.listener.enabled = false;
  return options;
}

struct Resumed : testing::Test {
  FakeComfy comfyui;
  HttpOptions http;
  std::optional<Observed> observed;

  void Resume(const Remembered& remembered) { observed.emplace(comfyui.url(), Observed::Quick(), http, remembered); }
  ErrorReason ReasonOfLoss(const std::string& id = kId) {
    const auto lost = observed->AwaitState(id, JobState::kLost);
    EXPECT_TRUE(lost);
    EXPECT_THAT(States(observed->Told(id)), Not(Contains(JobState::kCancelled)));
    return lost ? lost->error->reason : ErrorReason::kExecutionError;
  }
};

TEST_F(Resumed, AJobThatIsStillQueuedIsFollowedOn) {
  comfyui.Submit();
  Resume({{Known(comfyui.Submit({.prompt_id = kId}))}, {}});
  const auto queued = observed->AwaitFresh(kId);
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->state, JobState::kQueued);
  EXPECT_EQ(queued->queue->position, 2);
}

TEST_F(Resumed, AJobThatRunsIsFollowedToItsEnd) {
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.StartNext();
  Resume({{Known(job)}, {}});
  ASSERT_TRUE(observed->AwaitState(kId, JobState::kProcessing));
  comfyui.FinishSuccess();
  EXPECT_TRUE(observed->AwaitState(kId, JobState::kCompleted));
}

TEST_F(Resumed, AJobThatEndedMeanwhileHasItsVerdictThoughTheQueueIsEmpty) {
  const auto well = Finished(comfyui);
  const auto ill = comfyui.Submit();
  comfyui.StartNext();
  comfyui.FinishError();
  Resume({{Known(well, true), Known(ill)}, {}});
  EXPECT_TRUE(observed->AwaitState(well.prompt_id, JobState::kCompleted));
  EXPECT_TRUE(observed->AwaitState(ill.prompt_id, JobState::kFailed));
}

TEST_F(Resumed, AJobThatLeftMeanwhileIsLostAndNeverCancelledForNobodyWatched) {
  const auto witness = Finished(comfyui);
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.DeletePending({kId});
  Resume({{Known(job)}, {Witness(witness)}});
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kVanished);
}

TEST_F(Resumed, AJobThatEndedAndWasClearedFromTheHistoryIsVanished) {
  const auto witness = Finished(comfyui);
  const auto job = Finished(comfyui, kId);
  comfyui.DeleteHistory(kId);
  Resume({{Known(job, true)}, {Witness(witness)}});
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kVanished);
}

TEST_F(Resumed, WhereNoWitnessIsLeftComfyUiRestartedMeanwhile) {
  const auto witness = Finished(comfyui);
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.Restart();
  Resume({{Known(job)}, {Witness(witness)}});
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kBackendRestarted);
}

TEST_F(Resumed, WithoutWitnessesNumbersThatStartAgainTellOfARestart) {
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.Restart();
  comfyui.Submit({.prompt_id = kOther});
  Resume({{Known(job)}, {}});
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kBackendRestarted);
}

TEST_F(Resumed, WithoutAnySignAJobThatIsGoneIsVanished) {
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.Restart();
  Resume({{Known(job)}, {}});
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kVanished);
}

TEST_F(Resumed, ManyJobsThatAreGoneCostOneQuestionToTheWitness) {
  const auto witness = Finished(comfyui);
  Remembered remembered{.unfinished = {}, .finished = {Witness(witness)}};
  for (int i = 0; i < 10; ++i) {
    remembered.unfinished.push_back(
        {.job_id = "gone-" + std::to_string(i), .number = {.value = 100.0 + i, .counted = true}});
  }
  Resume(remembered);
  for (const auto& job : remembered.unfinished) EXPECT_EQ(ReasonOfLoss(job.job_id), ErrorReason::kVanished);
  EXPECT_EQ(comfyui.request_count("/history/" + witness.prompt_id), 1u);
}

TEST_F(Resumed, TheVerdictOfAnotherRunOfTheIdIsNotTakenForThisOnes) {
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.DeletePending({kId});
  Finished(comfyui, kId);
  Resume({{Known(job)}, {}});
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kVanished);
}

TEST_F(Resumed, AJobWhoseIdWaitsAgainUnderAnotherNumberIsFollowedAsThatRun) {
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.DeletePending({kId});
  comfyui.Submit({.prompt_id = kId});
  Resume({{Known(job, true)}, {}});
  const auto queued = observed->AwaitState(kId, JobState::kQueued);
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->number, jobs::QueueNumber{1});
}

TEST_F(Resumed, AJobOfABackendThatIsDownStaysUnfinishedUntilItIsBack) {
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.Down();
  Resume({{Known(job)}, {}});
  ASSERT_TRUE(observed->AwaitCount<jobs::BackendFailed>(3));
  const auto waiting = observed->board.Find(kId, "").snapshot;
  EXPECT_EQ(waiting->state, JobState::kQueued);
  EXPECT_TRUE(waiting->stale);
  comfyui.Up();
  EXPECT_EQ(ReasonOfLoss(), ErrorReason::kBackendRestarted);
}

TEST_F(Resumed, AJobOfABackendThatIsSlowStaysUnfinishedUntilItAnswers) {
  const auto witness = Finished(comfyui);
  const auto job = comfyui.Submit({.prompt_id = kId});
  comfyui.Freeze();
  http.answer_timeout = 20ms;
  Resume({{Known(job)}, {Witness(witness)}});
  ASSERT_TRUE(observed->AwaitCount<jobs::BackendFailed>(2));
  EXPECT_EQ(observed->board.Find(kId, "").snapshot->state, JobState::kQueued);
  comfyui.Thaw();
  const auto queued = observed->AwaitFresh(kId);
  ASSERT_TRUE(queued);
  EXPECT_EQ(queued->state, JobState::kQueued);
}

TEST_F(Resumed, WhatIsToldOfAJobIsNothingUntilComfyUiAnswers) {
  const auto job = Finished(comfyui, kId);
  Resume({{Known(job)}, {}});
  ASSERT_TRUE(observed->AwaitState(kId, JobState::kCompleted));
  EXPECT_THAT(States(observed->Told(kId)), Not(Contains(JobState::kLost)));
}

// ---- signs of a restart, and what speaks against them
// ----------------------------------------------------------------------------------------------------------------

// A job that waits is gone from the queue, and something happens to the look that shows it. What is said of the job?
struct Gone {
  JobState state;
  std::optional<ErrorReason> reason;
  bool operator==(const Gone&) const = default;
};

constexpr Gone kCancelled{JobState::kCancelled, ErrorReason::kRemovedFromQueue};
constexpr Gone kVanished{JobState::kLost, ErrorReason::kVanished};
constexpr Gone kRestarted{JobState::kLost, ErrorReason::kBackendRestarted};

void PrintTo(const Gone& gone, std::ostream* out) {
  *out << (gone == kCancelled ? "cancelled" : gone == kVanished ? "vanished" : gone == kRestarted ? "restarted" : "?");
}

class Signs : public testing::TestWithParam<bool> {
 protected:
  Signs() {
    if (witness()) witness_id = Finished(comfyui).prompt_id;
  }
  bool witness() const { return GetParam(); }

  // `meanwhile` happens just before the look is answered that misses the job first.
  Gone Remove(const std::function<void(FakeComfy&, Observed&)>& meanwhile, ObserverOptions options,
              HttpOptions http = {}) {
    Observed observed(comfyui.url(), std::move(options), std::move(http));
    comfyui.Submit();
    comfyui.StartNext();
    if (witness()) {
      EXPECT_TRUE(std::holds_alternative<board::Snapshot>(observed.LookUp(witness_id)));
    }
    comfyui.Submit({.prompt_id = kId});
    EXPECT_TRUE(observed.AwaitState(kId, JobState::kQueued));
    // The look at the queue that comes next has another one before it, whose workflow it may still want to read.
    EXPECT_TRUE(observed.AwaitNext<jobs::QueueObserved>(2));
    comfyui.SetBeforeAnswer([&, once = std::make_shared<std::atomic<bool>>(true)](const fakes::Request& request) {
      if (!request.target.starts_with("/queue") || !once->exchange(false)) return;
      comfyui.DeletePending({kId});
      meanwhile(comfyui, observed);
    });
    board::Snapshot gone;
    EXPECT_TRUE(
        observed.Await([&] { return (gone = observed.board.Find(kId, "").snapshot) && IsTerminal(gone->state); }));
    comfyui.SetBeforeAnswer(nullptr);
    return {gone->state, gone->error ? std::optional(gone->error->reason) : std::nullopt};
  }

  FakeComfy comfyui{{.version = "v0.3.64"}};
  std::string witness_id;
};

INSTANTIATE_TEST_SUITE_P(Witness, Signs, testing::Bool(),
                         [](const auto& known) { return known.param ? "Known" : "Unknown"; });

TEST_P(Signs, NoneIsARemovalFromTheQueueAndAsksNobody) {
  EXPECT_EQ(Remove([](FakeComfy&, Observed&) {}, Observed::Quick()), kCancelled);
  if (!witness()) return;
  EXPECT_EQ(comfyui.request_count("/history/" + witness_id), 1u) << "when it was looked for";
}

TEST_P(Signs, AConnectionThatIsDroppedIsOneUnlessTheProcessIsTheSame) {
  const auto drop = [](FakeComfy& fake, Observed&) { fake.Inject("/queue", Fault::CloseBeforeAnswer()); };
  EXPECT_EQ(Remove(drop, WithoutSocket()), witness() ? kCancelled : kRestarted);
}

TEST_P(Signs, ASocketThatEndsIsReasonToDoubtUnlessTheProcessIsTheSame) {
  const auto cut = [](FakeComfy& fake, Observed& observed) {
    ASSERT_TRUE(observed.Await([&] { return observed.board.Backends()[0].live_progress; }));
    fake.CutSockets();
    ASSERT_TRUE(observed.Await([&] { return !observed.board.Backends()[0].live_progress; }));
  };
  EXPECT_EQ(Remove(cut, Observed::Quick()), witness() ? kCancelled : kVanished);
}

TEST_P(Signs, AGatewayThatReachesNobodyIsOneAndAGapWhateverTheProcess) {
  const auto refuse = [](FakeComfy& fake, Observed&) { fake.Inject("/queue", Fault::Status(502)); };
  EXPECT_EQ(Remove(refuse, WithoutSocket()), witness() ? kVanished : kRestarted);
}

TEST_P(Signs, ALookThatFailedIsAGapAndNoSign) {
  const auto fail = [](FakeComfy& fake, Observed&) { fake.Inject("/queue", Fault::Status(500)); };
  EXPECT_EQ(Remove(fail, WithoutSocket()), kVanished);
}

TEST_P(Signs, ASlowAnswerIsNone) {
  // As long as it takes: the answer comes when the test lets it.
  const auto stall = [](FakeComfy&, Observed& observed) { observed.Settle(); };
  EXPECT_EQ(Remove(stall, WithoutSocket()), kCancelled);
}

TEST_P(Signs, AnAnswerThatDoesNotComeInTimeIsAGapAndNoSign) {
  const auto hang = [](FakeComfy& fake, Observed&) { fake.Inject("/queue", Fault::Hang()); };
  HttpOptions http;
  http.answer_timeout = 100ms;
  EXPECT_EQ(Remove(hang, WithoutSocket(), http), kVanished);
}

TEST_P(Signs, NumbersThatStartAgainAreOneUnlessTheProcessIsTheSame) {
  const auto count_again = [this](FakeComfy& fake, Observed&) {
    const std::string number = witness() ? "2" : "1";  // the job's, which is another's now
    fake.Inject("/queue",
                Fault::Body(R"({"queue_running": [], "queue_pending": [[)" + number + R"(, "another", {}, {}, []]]})"));
  };
  EXPECT_EQ(Remove(count_again, WithoutSocket()), witness() ? kCancelled : kRestarted);
}

TEST_P(Signs, ARestartIsOneWhoeverWasKnown) {
  const auto restart = [](FakeComfy& fake, Observed&) { fake.Restart(); };
  EXPECT_EQ(Remove(restart, WithoutSocket()), kRestarted);
  EXPECT_LE(comfyui.request_count("/history/" + witness_id), witness() ? 2u : ~std::size_t{0});
}

TEST(Sign, SeenAfterTheQueueWasAnsweredIsOneForTheJobsInThatAnswer) {
  FakeComfy comfyui({.version = "v0.3.64"});
  Observed observed(comfyui.url(), WithoutSocket());
  comfyui.Submit({.prompt_id = kId});
  comfyui.Submit({.prompt_id = kOther});
  ASSERT_TRUE(observed.AwaitState(kOther, JobState::kQueued));
  // The queue has another run of a job, so that its history is asked, and then ComfyUI is another.
  std::atomic<int> step = 0;
  comfyui.SetBeforeAnswer([&](const fakes::Request& request) {
    if (step == 0 && request.target == "/queue") {
      step = 1;
      comfyui.DeletePending({kOther});
      comfyui.Submit({.prompt_id = kOther});
    } else if (step == 1 && request.target == "/history/" + kOther) {
      step = 2;
      comfyui.Restart();
    }
  });
  board::Snapshot gone;
  ASSERT_TRUE(observed.Await([&] { return IsTerminal((gone = observed.board.Find(kId, "").snapshot)->state); }));
  EXPECT_EQ(step, 2);
  EXPECT_EQ(gone->state, JobState::kLost);
  EXPECT_EQ(gone->error->reason, ErrorReason::kBackendRestarted);
  comfyui.SetBeforeAnswer(nullptr);
}

TEST(Trap3, AJobThatWasHeardToRunAndIsGoneBeforeItWasSeenToRunWasNotRemovedFromTheQueue) {
  FakeComfy comfyui;
  FakeComfy heard;  // so that nothing is heard of the queue
  const Front front({.http = comfyui.port(), .sockets = heard.port()});
  auto options = Observed::Quick();
  options.safety_interval = options.poll_interval = options.idle_interval = 1h;  // looks when something is looked for
  Observed observed(front.url(), options);
  ASSERT_TRUE(observed.Await([&] { return observed.board.Backends()[0].live_progress; }));
  comfyui.Submit({.prompt_id = kId, .client_id = Observed::kClientId});
  observed.LookUp("somebody");
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  heard.SendFrame(R"({"type": "execution_start", "data": {"prompt_id": ")" + kId + R"(", "timestamp": 1}})");
  ASSERT_TRUE(observed.AwaitCount<jobs::RunEventsHeard>(1));
  comfyui.StartNext();
  comfyui.FinishSuccess();
  comfyui.ClearHistory();
  observed.LookUp("somebody else");
  const auto lost = observed.AwaitState(kId, JobState::kLost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error->reason, ErrorReason::kVanished);
}

TEST(Trap20, AJobThatLeftTheQueueAndWhoseHistoryCouldNotBeReadBeforeItWasDeletedWasNotRemovedFromTheQueue) {
  FakeComfy comfyui({.version = "v0.3.64"});
  Observed observed(comfyui.url(), WithoutSocket());
  comfyui.Submit({.prompt_id = kId});
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  comfyui.SetBeforeAnswer([&, once = std::make_shared<std::atomic<bool>>(true)](const fakes::Request& request) {
    if (request.target != "/queue" || !once->exchange(false)) return;
    comfyui.StartNext();
    comfyui.FinishUnserializable();
  });
  ASSERT_TRUE(observed.AwaitCount<jobs::JobNotObserved>(1));
  comfyui.SetBeforeAnswer(nullptr);
  comfyui.DeleteHistory(kId);
  const auto lost = observed.AwaitState(kId, JobState::kLost);
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->error->reason, ErrorReason::kVanished);
}

// ---- ComfyUI dies and comes back, at every phase of a job's life
// ----------------------------------------------------------------------------------------------------------------

struct Phase {
  const char* name;
  // Brings the job there, and sees that it is seen.
  std::function<void(FakeComfy&, Observed&)> reach;
  std::function<void(FakeComfy&)> unseen = [](FakeComfy&) {};  // what nobody sees before it dies
  bool known = true;                                           // the job was seen
  bool told = false;                                           // its verdict, too
};

void Queue(FakeComfy& comfyui, Observed& observed) {
  comfyui.Submit({.prompt_id = kId, .client_id = Observed::kClientId});
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
}

void Start(FakeComfy& comfyui, Observed& observed) {
  Queue(comfyui, observed);
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kProcessing));
}

void Step(FakeComfy& comfyui, Observed& observed) {
  ASSERT_TRUE(observed.Await([&] { return observed.board.Backends()[0].live_progress; }));
  Start(comfyui, observed);
  comfyui.StartNode("3");
  comfyui.Step("3", 5, 20);
  ASSERT_TRUE(observed.Await([&] {
    const board::Snapshot running = observed.board.Find(kId, "").snapshot;
    return running->progress && running->progress->percentage > 0;
  }));
}

// The end event is told, and ComfyUI does not live to put the job into the history.
void TellEnd(FakeComfy& comfyui, Observed& observed) {
  Step(comfyui, observed);
  comfyui.SetBeforeHistory([] { throw std::runtime_error("dies"); });
  EXPECT_THROW(comfyui.FinishSuccess(), std::runtime_error);
  comfyui.SetBeforeHistory(nullptr);
  ASSERT_TRUE(comfyui.WaitForRequests("/history/" + kId, 1)) << "it was heard to be over";
}

const std::vector<Phase>& Phases() {
  static const std::vector<Phase> phases = {
      {.name = "submitted and not seen",
       .reach = [](FakeComfy&, Observed&) {},
       .unseen = [](FakeComfy& comfyui) { comfyui.Submit({.prompt_id = kId}); },
       .known = false},
      {.name = "queued", .reach = Queue},
      {.name = "queued behind another",
       .reach =
           [](FakeComfy& comfyui, Observed& observed) {
             comfyui.Submit();
             comfyui.StartNext();
             Queue(comfyui, observed);
           }},
      {.name = "started, and not seen to be",
       .reach = Queue,
       .unseen = [](FakeComfy& comfyui) { comfyui.StartNext(); }},
      {.name = "started", .reach = Start},
      {.name = "in the midst of its steps", .reach = Step},
      {.name = "told to have ended, and not in the history", .reach = TellEnd},
      {.name = "in the history, and not read",
       .reach = Step,
       .unseen = [](FakeComfy& comfyui) { comfyui.FinishSuccess(); }},
      {.name = "verdict told",
       .reach =
           [](FakeComfy& comfyui, Observed& observed) {
             Step(comfyui, observed);
             comfyui.FinishSuccess();
             ASSERT_TRUE(observed.AwaitState(kId, JobState::kCompleted));
           },
       .told = true},
  };
  return phases;
}

struct Death {
  const char* name;
  std::function<void(FakeComfy&, Observed&, const std::function<void(FakeComfy&)>& unseen)> die;
};

const std::vector<Death>& Deaths() {
  static const std::vector<Death> deaths = {
      {"restarts before it is asked again",
       [](FakeComfy& comfyui, Observed&, const auto& unseen) {
         comfyui.Freeze();
         unseen(comfyui);
         comfyui.Restart();
       }},
      {"is down for a while",
       [](FakeComfy& comfyui, Observed& observed, const auto& unseen) {
         comfyui.Freeze();
         unseen(comfyui);
         comfyui.Down();
         ASSERT_TRUE(observed.AwaitNext<jobs::BackendFailed>(2));
         comfyui.Up();
       }},
      {"dies with a request under way",
       [](FakeComfy& comfyui, Observed& observed, const auto& unseen) {
         const auto once = std::make_shared<std::atomic<bool>>(true);
         const auto dead = std::make_shared<std::atomic<bool>>(false);
         comfyui.SetBeforeAnswer([&comfyui, unseen, once, dead](const fakes::Request&) {
           if (!once->exchange(false)) return;
           unseen(comfyui);
           comfyui.Restart();
           *dead = true;
         });
         ASSERT_TRUE(observed.Await([&] { return dead->load(); }));
         comfyui.SetBeforeAnswer(nullptr);
       }},
  };
  return deaths;
}

void DieAndComeBack(const char* version, bool witness, const Phase& phase, const Death& death) {
  FakeComfy comfyui({.version = version});
  Observed observed(comfyui.url());
  if (witness) {
    ASSERT_TRUE(std::holds_alternative<board::Snapshot>(observed.LookUp(Finished(comfyui).prompt_id)));
  }
  phase.reach(comfyui, observed);
  if (testing::Test::HasFatalFailure()) return;
  death.die(comfyui, observed, phase.unseen);
  if (testing::Test::HasFatalFailure()) return;

  if (phase.told) {
    ASSERT_TRUE(observed.AwaitNext<jobs::BackendAnswered>(3));
    EXPECT_EQ(observed.board.Find(kId, "").snapshot->state, JobState::kCompleted);
    return;
  }
  if (phase.known) {
    const auto lost = observed.AwaitState(kId, JobState::kLost);
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->error->reason, ErrorReason::kBackendRestarted);
  } else {
    ASSERT_TRUE(observed.AwaitNext<jobs::BackendAnswered>());
    EXPECT_TRUE(std::holds_alternative<board::NotFound>(observed.LookUp(kId)));
  }
  for (const JobState never : {JobState::kCancelled, JobState::kCompleted, JobState::kFailed}) {
    EXPECT_THAT(States(observed.Told(kId)), Not(Contains(never)));
  }
  comfyui.Submit({.prompt_id = kId});
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kQueued));
  comfyui.StartNext();
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kProcessing));
  comfyui.FinishSuccess();
  ASSERT_TRUE(observed.AwaitState(kId, JobState::kCompleted));
}

TEST(ComfyUiDiesAndComesBack, AtEveryPhaseOfAJobsLifeInEveryWayAndWhatWasNotReadIsLost) {
  int lives = 0;
  for (const char* version : {"v0.3.64", "v0.33.0"}) {
    for (const bool witness : {false, true}) {
      for (const Phase& phase : Phases()) {
        for (const Death& death : Deaths()) {
          SCOPED_TRACE(std::string(version) + (witness ? ", a witness known: " : ": ") + phase.name + ", and ComfyUI " +
                       death.name);
          DieAndComeBack(version, witness, phase, death);
          if (testing::Test::HasFailure()) return;
          ++lives;
        }
      }
    }
  }
  EXPECT_EQ(lives, 2 * 2 * 9 * 3);
}

}  // namespace
}  // namespace comfy
