#include "board/board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "board/played.h"

namespace board {
namespace {

using namespace std::chrono_literals;
using jobs::JobState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class BoardTest : public testing::Test {
 protected:
  BoardTest() {
    board.Connect("a", source_a);
    board.Connect("b", source_b);
  }

  void See(const std::string& backend, jobs::Observation observation, jobs::Time now = kNow) {
    board.Observe(backend, std::move(observation), now);
  }
  Snapshot Find(const std::string& id, const std::string& backend = "") { return board.Find(id, backend).snapshot; }
  std::vector<Board::Sighted> List(const ListQuery& query) {
    std::vector<Board::Sighted> list;
    board.List(query, [&](const Board::Listed& listed) { list = listed.value(); });
    return list;
  }

  // How a look-up ended, as a word.
  std::function<void(LookupResult)> Note(std::string& word) {
    return [&word](const LookupResult& result) {
      word += std::holds_alternative<Snapshot>(result)   ? "found"
              : std::holds_alternative<NotFound>(result) ? "not found"
                                                         : "not asked";
    };
  }

  Asked source_a, source_b;
  Board board{{{"a", "http://a"}, {"b", "http://b"}},
              {.keep_finished = 1h, .max_finished_jobs = 3, .remember_unknown = 1s},
              100};
};

// What a watcher of reachability finds each time it is called.
class Finds final : public ReachabilityWatcher {
 public:
  explicit Finds(const Board& board) : board_(board) {}
  void OnReachability() override { found.push_back(board_.IsReachable("a").value()); }
  std::vector<bool> found;

 private:
  const Board& board_;
};

TEST_F(BoardTest, WhetherABackendAnswersIsToldOnceForEachChange) {
  const auto watcher = std::make_shared<Finds>(board);
  Board::Handle handle = board.SubscribeToReachability(watcher);
  See("a", jobs::BackendFailed{});
  EXPECT_THAT(watcher->found, IsEmpty()) << "it did not answer before, either";
  See("a", jobs::BackendAnswered{});
  See("a", jobs::BackendAnswered{});
  See("a", jobs::BackendFailed{});
  EXPECT_THAT(watcher->found, ElementsAre(true, false));
  See("b", jobs::BackendAnswered{});
  EXPECT_THAT(watcher->found, SizeIs(3)) << "which one it is, the watcher finds out";
  handle.End();
  See("a", jobs::BackendAnswered{});
  EXPECT_THAT(watcher->found, SizeIs(3));
}

TEST_F(BoardTest, ABackendThatIsNotConfiguredIsNeitherReachableNorNot) {
  EXPECT_EQ(board.IsReachable("a"), false);
  EXPECT_EQ(board.IsReachable("c"), std::nullopt);
}

TEST_F(BoardTest, EachChangeOfAnyJobHasARevisionOfItsOwn) {
  See("a", Queue({"x"}, {"y"}));
  EXPECT_EQ(Find("x")->revision, 101u);
  EXPECT_EQ(Find("y")->revision, 102u);
  See("a", Queue({"x"}, {"y"}));
  EXPECT_EQ(Find("y")->revision, 102u) << "nothing changed";
  See("a", Queue({"x"}, {"y", "z"}));
  EXPECT_EQ(Find("y")->revision, 103u);
  EXPECT_EQ(Find("y")->queue->size, 2);
  EXPECT_EQ(Find("x")->revision, 101u);
}

TEST_F(BoardTest, ALookThatConfirmsAStatusMovesItsTimeOfObservationButNotItsRevision) {
  See("a", Queue({"x"}, {}));
  See("a", Queue({"x"}, {}), kNow + 5s);
  EXPECT_EQ(board.Find("x", "").observe_time, kNow + 5s);
  EXPECT_EQ(Find("x")->revision, 101u);
}

TEST_F(BoardTest, AStaleStatusKeepsTheTimeItWasLastConfirmed) {
  See("a", Queue({"x"}, {}));
  See("a", Queue({"x"}, {}), kNow + 5s);
  See("a", jobs::BackendFailed{}, kNow + 60s);
  EXPECT_TRUE(Find("x")->stale);
  EXPECT_EQ(board.Find("x", "").observe_time, kNow + 5s);
}

TEST_F(BoardTest, AFailedBackendMakesItsOwnUnfinishedJobsStaleAndNoOthers) {
  See("a", Queue({"x"}, {"y"}));
  See("b", Queue({"z"}, {}));
  See("a", Success("x"));
  See("a", jobs::BackendFailed{{.detail = "refused"}});
  EXPECT_FALSE(Find("x")->stale);
  EXPECT_TRUE(Find("y")->stale);
  EXPECT_FALSE(Find("z")->stale);
  EXPECT_FALSE(board.Backends()[0].reachable);
  EXPECT_EQ(board.Backends()[0].last_error, "refused");
  See("a", jobs::BackendAnswered{"0.33.0"});
  See("a", Queue({"y"}, {}));
  EXPECT_FALSE(Find("y")->stale);
  EXPECT_TRUE(board.Backends()[0].reachable);
  EXPECT_EQ(board.Backends()[0].comfyui_version, "0.33.0");
  EXPECT_EQ(board.Backends()[0].running, 1);
}

TEST_F(BoardTest, OfOneIdAtTwoBackendsTheUnfinishedIsFoundFirst) {
  See("a", Queue({"x"}, {}));
  See("b", Queue({"x"}, {}));
  See("b", Success("x"));
  EXPECT_EQ(Find("x")->backend, "a");
  EXPECT_EQ(Find("x", "b")->state, JobState::kCompleted);
  See("a", Success("x"));
  EXPECT_EQ(Find("x")->backend, "a") << "the newer of two that ended";
}

TEST_F(BoardTest, ForgetsFinishedJobsByNumberAndByAgeButNeverUnfinishedOnes) {
  See("a", Queue({"run"}, {"q1", "q2", "q3", "q4"}));
  for (const char* id : {"1", "2", "3", "4"}) See("a", Success(id));
  EXPECT_FALSE(Find("1"));
  EXPECT_TRUE(Find("2") && Find("4"));
  See("a", Success("5"), kNow + 2h);
  EXPECT_FALSE(Find("2") || Find("4"));
  EXPECT_TRUE(Find("5") && Find("run") && Find("q4"));
}

TEST_F(BoardTest, WalksWhatAFilterCoversInTheOrderOfChange) {
  See("a", Queue({"x"}, {"y"}));
  See("b", Queue({"z"}, {}));
  See("a", Queue({"y"}, {}));  // y changes again: its older status is no longer in the way
  const auto walk = [&](Filter filter) {
    std::vector<std::string> ids;
    for (auto next = board.NextAfter(filter, 0).sighted; next.snapshot;
         next = board.NextAfter(filter, next.snapshot->revision).sighted) {
      ids.push_back(next.snapshot->job_id);
    }
    return ids;
  };
  EXPECT_THAT(walk({}), ElementsAre("x", "z", "y"));
  EXPECT_THAT(walk({.backend = "a"}), ElementsAre("x", "y"));
  EXPECT_THAT(walk({.job_ids = {"y", "z", "unknown"}}), ElementsAre("z", "y"));
  EXPECT_EQ(board.NextAfter({}, 104).revision, 104u);
}

TEST_F(BoardTest, TellsWatchersOncePerObservationAndOnlyOfTheirJobs) {
  const auto all = std::make_shared<Told>();
  const auto of_b = std::make_shared<Told>();
  const auto of_y = std::make_shared<Told>();
  auto subscription_all = board.Subscribe({}, all);
  const auto subscription_b = board.Subscribe({.backend = "b"}, of_b);
  const auto subscription_y = board.Subscribe({.job_ids = {"y", "w"}}, of_y);
  See("a", Queue({"x"}, {"y", "v"}));
  EXPECT_THAT(all->changes, ElementsAre(true));
  EXPECT_THAT(of_y->changes, ElementsAre(true));
  See("a", Queue({"x"}, {"y"}));
  EXPECT_THAT(of_y->changes, ElementsAre(true, false)) << "a move in the queue is not one of state";
  EXPECT_THAT(of_b->changes, IsEmpty());
  subscription_all.End();
  See("b", Queue({"z"}, {}));
  EXPECT_THAT(all->changes, SizeIs(2));
  EXPECT_THAT(of_b->changes, ElementsAre(true));
}

TEST_F(BoardTest, TellsTheEndOfARunOnceThoughItIsHeardBeforeItIsSeen) {
  using jobs::RunEvent;
  jobs::QueueObserved queue = Queue({"x"}, {});
  queue.listing.running[0].workflow =
      std::make_shared<const jobs::Workflow>(*jobs::Workflow::Build({{.id = "3", .class_type = "KSampler"}}, {"3"}));
  See("a", queue);
  const auto heard = [](std::vector<decltype(RunEvent::what)> events) {
    jobs::RunEventsHeard all;
    for (auto& what : events) all.events.push_back({.job_id = "x", .heard_at = kNow, .what = std::move(what)});
    return all;
  };
  const auto told = std::make_shared<Told>();
  const auto subscription = board.Subscribe({}, told);
  See("a", heard({RunEvent::NodeStates{{{.node = "3", .value = 5, .max = 20}}}}));
  EXPECT_THAT(told->changes, ElementsAre(false));
  See("a", heard({RunEvent::NodeStates{{{.node = "3", .finished = true}}}, RunEvent::Over{}}));
  EXPECT_THAT(told->changes, SizeIs(1));
  See("a", Success("x"));
  EXPECT_THAT(told->changes, ElementsAre(false, true));
}

TEST_F(BoardTest, AJobThatWasHeardToRunAndIsGoneWasNotTakenOutOfTheQueue) {
  See("a", Queue({}, {"ran", "waited"}));
  See("a", jobs::RunEventsHeard{{{.job_id = "ran", .heard_at = kNow, .what = jobs::RunEvent::Began{}}}});
  for (const char* id : {"ran", "waited"}) See("a", jobs::AbsenceObserved{id, {.watched_without_gap = true}});
  EXPECT_EQ(Find("ran")->state, JobState::kLost);
  EXPECT_EQ(Find("ran")->error->reason, jobs::ErrorReason::kVanished);
  EXPECT_EQ(Find("waited")->state, JobState::kCancelled);
}

TEST_F(BoardTest, AWatcherMayCallTheBoardBack) {
  class Reader final : public Watcher {
   public:
    explicit Reader(Board& watched) : board(watched) {}
    void OnChange(bool) override { seen = board.NextAfter({}, 0).sighted.snapshot; }
    std::uint64_t taken_revision() const override { return 0; }
    Board& board;
    Snapshot seen;
  };
  const auto reader = std::make_shared<Reader>(board);
  const auto subscription = board.Subscribe({}, reader);
  See("a", Queue({"x"}, {}));
  EXPECT_EQ(reader->seen->job_id, "x");
}

TEST_F(BoardTest, ALookUpEndsWhenEveryBackendHasAnswered) {
  std::string word;
  const auto ticket = board.LookUp("x", "", kSteady, kSteady, Note(word));
  EXPECT_THAT(source_a.looked_for, ElementsAre("x"));
  EXPECT_THAT(source_b.looked_for, ElementsAre("x"));
  See("a", jobs::LookupMissed{"x", kSteady});
  See("a", jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(word, "");
  See("b", jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(word, "not found");
}

TEST_F(BoardTest, ALookUpDoesNotSayNotFoundWhenABackendCouldNotBeAsked) {
  std::string word;
  const auto ticket = board.LookUp("x", "", kSteady, kSteady, Note(word));
  See("b", jobs::LookupFailed{"x", {.kind = jobs::BackendError::Kind::kTimeout}, kSteady});
  See("a", jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(word, "not asked");
}

TEST_F(BoardTest, ALookUpEndsAtOnceWhenOneBackendHasTheJobThoughAnotherHangs) {
  std::string word;
  const auto ticket = board.LookUp("x", "", kSteady, kSteady, Note(word));
  See("b", Queue({}, {"x"}));
  EXPECT_EQ(word, "found");
}

TEST_F(BoardTest, AnAnswerToAnEarlierQuestionIsNoAnswerToALookUp) {
  std::string word;
  const auto ticket = board.LookUp("x", "a", kSteady, kSteady, Note(word));
  See("a", jobs::LookupMissed{"x", kSteady - 1s});  // the queue was asked before the look-up began
  EXPECT_EQ(word, "");
  See("a", jobs::LookupMissed{"x", kSteady + 1s});
  EXPECT_EQ(word, "not found");
  EXPECT_THAT(source_b.looked_for, IsEmpty());
}

TEST_F(BoardTest, ThePatientWaitOnWhenTheImpatientHaveTheirAnswer) {
  std::string patient, impatient;
  const auto first = board.LookUp("x", "a", kSteady + 60s, kSteady, Note(patient));
  const auto second = board.LookUp("x", "a", kSteady, kSteady, Note(impatient));
  See("a", jobs::LookupMissed{"x", kSteady + 1s});
  EXPECT_EQ(impatient, "not found");
  EXPECT_EQ(patient, "");
  See("a", Queue({}, {"x"}));
  EXPECT_EQ(patient, "found");
}

TEST_F(BoardTest, AnUnknownIdIsRememberedForAShortTimeUnlessTheJobAppears) {
  std::string first, second, third;
  const auto one = board.LookUp("x", "a", kSteady, kSteady, Note(first));
  See("a", jobs::LookupMissed{"x", kSteady});
  const auto two = board.LookUp("x", "a", kSteady + 500ms, kSteady + 500ms, Note(second));
  EXPECT_EQ(second, "not found");
  EXPECT_THAT(source_a.looked_for, SizeIs(1));
  const auto three = board.LookUp("x", "a", kSteady + 1500ms, kSteady + 1500ms, Note(third));
  EXPECT_EQ(third, "");
  EXPECT_THAT(source_a.looked_for, SizeIs(2));
  See("a", Queue({"x"}, {}));
  EXPECT_EQ(third, "found");
}

TEST_F(BoardTest, WhoWantsToWaitForAJobIsNotToldThatItWasUnknownAMomentAgo) {
  std::string first, second;
  const auto one = board.LookUp("x", "a", kSteady, kSteady, Note(first));
  See("a", jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(first, "not found");
  const auto two = board.LookUp("x", "a", kSteady + 60s, kSteady + 1ms, Note(second));
  EXPECT_EQ(second, "");
  See("a", Queue({"x"}, {}));
  EXPECT_EQ(second, "found");
}

TEST_F(BoardTest, NobodyLooksForAJobThatNobodyWaitsForAnyMore) {
  std::string word;
  auto first = board.LookUp("x", "", kSteady + 60s, kSteady, Note(word));
  auto second = board.LookUp("x", "a", kSteady + 60s, kSteady, Note(word));
  first.End();
  EXPECT_THAT(source_a.stopped, IsEmpty());
  EXPECT_THAT(source_b.stopped, ElementsAre("x"));
  second.End();
  EXPECT_THAT(source_a.stopped, ElementsAre("x"));
  See("a", jobs::LookupMissed{"x", kSteady + 60s});
  EXPECT_EQ(word, "");
}

TEST_F(BoardTest, StopsTheOtherBackendsWhenOneHasTheJob) {
  std::string word;
  const auto wait = board.LookUp("x", "", kSteady + 60s, kSteady, Note(word));
  See("a", Queue({}, {"x"}));
  EXPECT_EQ(word, "found");
  EXPECT_THAT(source_b.stopped, ElementsAre("x"));
}

TEST_F(BoardTest, StopsABackendWhenThePatientHaveLeftAndTheImpatientHaveTheirAnswer) {
  std::string word;
  auto patient = board.LookUp("x", "a", kSteady + 60s, kSteady, Note(word));
  const auto impatient = board.LookUp("x", "a", kSteady, kSteady, Note(word));
  patient.End();
  EXPECT_THAT(source_a.stopped, IsEmpty());
  See("a", jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(word, "not found");
  EXPECT_THAT(source_a.stopped, ElementsAre("x"));
}

TEST_F(BoardTest, KeepsAFinishedJobForWhoeverStillWatchesIt) {
  auto subscription = board.Subscribe({.job_ids = {"1"}}, std::make_shared<Told>());
  for (const char* id : {"1", "2", "3", "4"}) See("a", Success(id));
  EXPECT_TRUE(Find("1"));
  subscription.End();
  for (const char* id : {"5", "6"}) See("a", Success(id));
  EXPECT_FALSE(Find("1"));
}

TEST_F(BoardTest, EstimatesOnlyFromRunsItHasSeen) {
  See("a", Queue({"begun before we came"}, {}));
  EXPECT_FALSE(Find("begun before we came")->estimate);
  See("a", Success("never seen to run", 1s));
  for (const char* id : {"1", "2", "3", "4"}) {
    See("a", Queue({id}, {"waiting"}));
    EXPECT_EQ(Find("waiting")->estimate.has_value(), std::string(id) == "4") << id;
    jobs::HistoryObserved success = Success(id, 10s);
    success.entry.number = {0};
    See("a", success);
  }
  See("a", Queue({"waiting"}, {"next"}), kNow + 1s);
  ASSERT_TRUE(Find("waiting")->estimate);
  EXPECT_EQ(Find("waiting")->estimate->end, kNow + 11s);
  EXPECT_EQ(Find("next")->estimate->end, kNow + 21s);
  const auto revision = Find("next")->revision;
  See("a", Queue({"waiting"}, {"next"}), kNow + 3s);
  EXPECT_EQ(Find("next")->revision, revision) << "an estimate that holds is no change";
}

TEST_F(BoardTest, ListsNewestFirstBelowARevision) {
  See("a", Queue({"x"}, {"y"}));
  See("b", Success("z"));
  const auto ids = [](const std::vector<Board::Sighted>& list) {
    std::vector<std::string> names;
    for (const auto& sighted : list) names.push_back(sighted.snapshot->job_id);
    return names;
  };
  EXPECT_THAT(ids(List({.limit = 10})), ElementsAre("z", "y", "x"));
  EXPECT_THAT(ids(List({.before = 103, .limit = 10})), ElementsAre("y", "x"));
  EXPECT_THAT(ids(List({.backend = "a", .limit = 1})), ElementsAre("y"));
  EXPECT_THAT(ids(List({.states = {JobState::kCompleted, JobState::kProcessing}, .limit = 10})), ElementsAre("z", "x"));
}

TEST_F(BoardTest, ServesReadersWatchersAndLookUpsWhileItIsObserved) {
  std::atomic<bool> done = false;
  std::atomic<int> told = 0;
  std::vector<std::thread> threads;
  for (const char* backend : {"a", "b"}) {
    threads.emplace_back([&, backend] {
      for (int i = 0; i < 500; ++i) {
        See(backend, Queue({"x"}, {"y", std::to_string(i)}));
        See(backend, jobs::LookupMissed{"unknown", kSteady});
        See(backend, Success(std::to_string(i)));
      }
      done = true;
    });
  }
  for (int reader = 0; reader < 2; ++reader) {
    threads.emplace_back([&] {
      std::uint64_t last = 0;
      while (!done) {
        const auto watcher = std::make_shared<Told>();
        const auto next = board.NextAfter({}, last).sighted;
        last = next.snapshot ? next.snapshot->revision : 0;
        const auto ticket = board.LookUp("unknown", "", kSteady, kSteady, [&](const LookupResult&) { ++told; });
        List({.limit = 10});
        const auto found = Find("x");
        EXPECT_TRUE(!found || found->state == JobState::kProcessing);
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace board
