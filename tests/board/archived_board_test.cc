// The board with an archive behind it: one that the test plays.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "board/backlog.h"
#include "board/board.h"
#include "board/played.h"
#include "jobs/workflow.h"

namespace board {
namespace {

using namespace std::chrono_literals;
using jobs::JobState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class PlayedArchive final : public jobs::Archive {
 public:
  void Wake() override { ++wakes; }
  void OutOfPatience() override { ++out_of_patience; }
  void Find(const std::string& job_id, Done done) override { finds.emplace_back(job_id, std::move(done)); }
  void List(const jobs::ArchiveQuery& query, Done done) override { lists.emplace_back(query, std::move(done)); }

  // Answers the question that was asked first.
  void Found(std::vector<Snapshot> statuses) {
    const Done done = std::move(finds.front().second);
    finds.pop_front();
    done(std::move(statuses));
  }
  void Listed(std::vector<Snapshot> statuses) {
    const Done done = std::move(lists.front().second);
    lists.pop_front();
    done(std::move(statuses));
  }
  void CannotFind() {
    const Done done = std::move(finds.front().second);
    finds.pop_front();
    done(std::unexpected(jobs::ArchiveError{"damaged"}));
  }

  int wakes = 0;
  int out_of_patience = 0;
  std::deque<std::pair<std::string, Done>> finds;
  std::deque<std::pair<jobs::ArchiveQuery, Done>> lists;
};

Snapshot Archived(const std::string& id, std::uint64_t revision, JobState state = JobState::kCompleted,
                  const std::string& backend = "a") {
  return std::make_shared<const jobs::JobStatus>(
      jobs::JobStatus{.job_id = id, .backend = backend, .state = state, .revision = revision, .observe_time = kNow});
}

class ArchivedBoard : public testing::Test {
 protected:
  explicit ArchivedBoard(Past earlier = {}) : past(std::move(earlier)) {
    board.Connect("a", source);
    board.Connect("b", source_b);
  }

  void See(jobs::Observation observation, jobs::Time now = kNow) { board.Observe("a", std::move(observation), now); }
  Snapshot Find(const std::string& id, const std::string& backend = "") { return board.Find(id, backend).snapshot; }
  std::vector<std::string> Take() {
    std::vector<std::string> ids;
    for (const jobs::Unwritten& unwritten : board.TakeUnwritten(100).statuses) ids.push_back(unwritten.status->job_id);
    return ids;
  }
  void Write() {
    while (!Take().empty()) board.OnWritten({.ok = true});
  }
  std::function<void(LookupResult)> Note(std::string& word) {
    return [&word](const LookupResult& result) {
      const auto* not_asked = std::get_if<NotAsked>(&result);
      word += std::holds_alternative<Snapshot>(result)   ? "found"
              : std::holds_alternative<NotFound>(result) ? "not found"
                                                         : "not asked " + not_asked->backend;
    };
  }
  std::vector<std::string> List(const ListQuery& query, std::vector<Snapshot> archived = {}) {
    std::vector<std::string> ids;
    board.List(query, [&](const Board::Listed& listed) {
      for (const Board::Sighted& sighted : listed.value()) ids.push_back(sighted.snapshot->job_id);
    });
    if (!archive.lists.empty()) archive.Listed(std::move(archived));
    return ids;
  }

  PlayedArchive archive;
  Past past;
  Asked source, source_b;
  Board board{{{"a", "http://a"}, {"b", "http://b"}},
              {.keep_finished = 1h, .max_finished_jobs = 3, .remember_unknown = 1s},
              100,
              {&archive, past.newest_verdict, past.unfinished, past.former_backends}};
};

TEST_F(ArchivedBoard, NobodyIsToldOfAChangeOfStateBeforeItIsOnTheDisk) {
  const auto told = std::make_shared<Told>();
  const auto subscription = board.Subscribe({}, told);
  See(Queue({"x"}, {}));
  EXPECT_EQ(Find("x"), nullptr);
  EXPECT_THAT(told->changes, IsEmpty());
  EXPECT_EQ(archive.wakes, 1);
  EXPECT_THAT(Take(), ElementsAre("x"));
  EXPECT_EQ(Find("x"), nullptr);
  board.OnWritten({.ok = true});
  EXPECT_EQ(Find("x")->state, JobState::kProcessing);
  EXPECT_THAT(told->changes, ElementsAre(true));

  See(Success("x"));
  EXPECT_EQ(Find("x")->state, JobState::kProcessing) << "as it was";
  Take();
  board.OnWritten({.ok = true});
  EXPECT_EQ(Find("x")->state, JobState::kCompleted);
  EXPECT_THAT(told->changes, ElementsAre(true, true));
}

TEST_F(ArchivedBoard, AVerdictIsToldUnderTheRevisionThatIsOnTheDisk) {
  See(Success("x"));
  const auto batch = board.TakeUnwritten(100);
  ASSERT_THAT(batch.statuses, SizeIs(1));
  EXPECT_EQ(batch.revision, batch.statuses[0].status->revision);
  board.OnWritten({.ok = true});
  EXPECT_EQ(Find("x")->revision, batch.revision);
}

TEST_F(ArchivedBoard, OtherJobsMoveOnWhileAVerdictIsWrittenAndItsRevisionIsGreaterThanAllTheirs) {
  See(Queue({"x"}, {"y"}));
  Write();
  See(Success("x"));
  Take();
  See(Queue({"x"}, {"z", "y"}));
  EXPECT_EQ(Find("y")->queue->size, 2) << "movement within a state does not wait";
  const std::uint64_t before = board.NextAfter({}, 0).revision;
  board.OnWritten({.ok = true});
  EXPECT_GT(Find("x")->revision, before);
  EXPECT_EQ(board.NextAfter({}, before).sighted.snapshot->job_id, "x") << "who has been told of y is told of x";
}

TEST_F(ArchivedBoard, MovementWithinAStateIsNotWritten) {
  See(Queue({"x"}, {"y"}));
  Write();
  archive.wakes = 0;
  See(Queue({"x"}, {"y", "z"}));
  EXPECT_EQ(Find("y")->queue->size, 2);
  EXPECT_THAT(Take(), ElementsAre("z"));
}

TEST_F(ArchivedBoard, AJobThatEndsWhileItsBeginningIsWrittenIsToldToHaveEnded) {
  const auto told = std::make_shared<Told>();
  const auto subscription = board.Subscribe({}, told);
  See(Queue({"x"}, {}));
  Take();
  See(Success("x"));
  board.OnWritten({.ok = true});
  EXPECT_EQ(Find("x"), nullptr);
  Write();
  EXPECT_EQ(Find("x")->state, JobState::kCompleted);
  EXPECT_THAT(told->changes, SizeIs(1));
}

TEST_F(ArchivedBoard, AJobThatWaitsIsStaleOnceItIsToldIfItsBackendHasGoneMeanwhile) {
  See(Queue({"x"}, {}));
  Take();
  See(jobs::BackendFailed{});
  board.OnWritten({.ok = true});
  EXPECT_TRUE(Find("x")->stale);
}

TEST_F(ArchivedBoard, WhatTheDiskDoesNotTakeIsToldAllTheSame) {
  See(Success("x"));
  Take();
  board.OnWritten({.ok = false});
  EXPECT_EQ(Find("x")->state, JobState::kCompleted);
  const std::uint64_t told = Find("x")->revision;
  See(Success("y"));
  EXPECT_EQ(Find("y")->state, JobState::kCompleted) << "nothing waits for a disk that is known not to work";

  const auto batch = board.TakeUnwritten(100);
  ASSERT_THAT(batch.statuses, SizeIs(2));
  EXPECT_EQ(batch.statuses[0].status->revision, told) << "it is tried again, as it was told";
  EXPECT_TRUE(batch.statuses[0].replaces);
  board.OnWritten({.ok = true});
  See(Success("z"));
  EXPECT_EQ(Find("z"), nullptr) << "it works again, so it is waited for again";
}

TEST_F(ArchivedBoard, WhatIsOwedTakesNoRoomFromWhatElseIsRemembered) {
  for (const char* id : {"1", "2", "3"}) {
    See(Success(id));
    Write();
  }
  See(Success("owed"));
  Take();
  board.OnWritten({.ok = false});
  for (const char* id : {"owed2", "owed3", "owed4"}) See(Success(id));
  EXPECT_NE(Find("1"), nullptr);
  Write();
  See(jobs::BackendAnswered{});
  EXPECT_EQ(Find("owed"), nullptr);
  EXPECT_NE(Find("owed4"), nullptr);
}

TEST_F(ArchivedBoard, ADiskThatHangsIsNotWaitedForLongerThanThePatience) {
  See(Success("x"));
  Take();
  See(jobs::BackendAnswered{}, kNow + 10s);
  EXPECT_EQ(Find("x"), nullptr);
  EXPECT_EQ(archive.out_of_patience, 0);
  See(jobs::BackendAnswered{}, kNow + 11s);
  EXPECT_EQ(Find("x")->state, JobState::kCompleted);
  See(jobs::BackendAnswered{}, kNow + 12s);
  EXPECT_EQ(archive.out_of_patience, 1) << "it is said once";
  const std::uint64_t told = Find("x")->revision;
  board.OnWritten({.ok = true});
  const auto again = board.TakeUnwritten(100);
  ASSERT_THAT(again.statuses, SizeIs(1));
  EXPECT_EQ(again.statuses[0].status->revision, told) << "the disk has it under another";
}

TEST_F(ArchivedBoard, AnIdThatHadEndedLongAgoAndIsUsedAgainKeepsItsEnd) {
  std::string word;
  const auto told = std::make_shared<Told>();
  const auto subscription = board.Subscribe({.job_ids = {"x"}}, told);
  See(Queue({"x"}, {}));
  EXPECT_THAT(Take(), ElementsAre("x"));
  board.OnWritten({.ok = true, .ended_before = {Archived("x", 50)}});
  EXPECT_EQ(Find("x")->revision, 50u);
  EXPECT_THAT(told->changes, ElementsAre(true));
  See(Queue({"x"}, {}));
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(ArchivedBoard, AnIdThatIsUsedAgainAndToldSinceTheDiskHangsGoesOn) {
  See(Queue({"x"}, {}), kNow - 11s);
  Take();
  See(jobs::BackendAnswered{});
  EXPECT_EQ(Find("x")->state, JobState::kProcessing) << "nobody knew that it had ended";
  board.OnWritten({.ok = true, .ended_before = {Archived("x", 50)}});
  EXPECT_EQ(Find("x")->state, JobState::kProcessing) << "it was told";
  const auto again = board.TakeUnwritten(100);
  ASSERT_THAT(again.statuses, SizeIs(1));
  EXPECT_TRUE(again.statuses[0].replaces) << "or its end would never be taken";
}

TEST_F(ArchivedBoard, WhoLooksForAJobThatIsBeingWrittenIsAnsweredOnceItIsThere) {
  std::string word;
  See(Success("x"));
  const auto wait = board.LookUp("x", "", kSteady, kSteady, Note(word));
  archive.Found({});
  EXPECT_EQ(word, "");
  Write();
  EXPECT_EQ(word, "found");
}

TEST_F(ArchivedBoard, AJobThatIsNotInMemoryIsReadFromTheArchiveAndNobodyElseIsAsked) {
  std::string word;
  const auto wait = board.LookUp("x", "", kSteady, kSteady, Note(word));
  ASSERT_THAT(archive.finds, SizeIs(1));
  EXPECT_EQ(archive.finds.front().first, "x");
  archive.Found({Archived("x", 50)});
  EXPECT_EQ(word, "found");
  EXPECT_THAT(source.looked_for, IsEmpty());
}

TEST_F(ArchivedBoard, ReadingTheArchiveDoesNotFillTheMemory) {
  for (const char* id : {"1", "2", "3"}) {
    See(Success(id));
    Write();
  }
  std::string word;
  const auto told = std::make_shared<Told>();
  const auto subscription = board.Subscribe({.job_ids = {"watched"}}, told);
  for (const std::string id : {"x", "watched", "y"}) {
    const auto wait = board.LookUp(id, "", kSteady, kSteady, Note(word));
    archive.Found({Archived(id, 50 + word.size())});
  }
  EXPECT_EQ(word, "foundfoundfound");
  EXPECT_EQ(Find("x"), nullptr);
  EXPECT_EQ(Find("y"), nullptr);
  EXPECT_NE(Find("watched"), nullptr) << "its watch reads it from here";
}

TEST_F(ArchivedBoard, AJobThatTheArchiveDoesNotHaveEitherIsLookedForAtItsBackend) {
  std::string word;
  const auto wait = board.LookUp("x", "a", kSteady, kSteady, Note(word));
  EXPECT_THAT(source.looked_for, IsEmpty());
  archive.Found({Archived("x", 50, JobState::kCompleted, "b")});
  EXPECT_THAT(source.looked_for, ElementsAre("x"));
  EXPECT_THAT(source_b.looked_for, IsEmpty());
  See(jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(word, "not found");
}

TEST_F(ArchivedBoard, NobodysWordIsTakenForWhoeverIsStillWaitingForTheArchive) {
  std::string word;
  const auto wait = board.LookUp("x", "a", kSteady, kSteady, Note(word));
  See(jobs::LookupMissed{"x", kSteady});  // asked for somebody else
  EXPECT_EQ(word, "");
  archive.Found({Archived("x", 50)});
  EXPECT_EQ(word, "found");
}

TEST_F(ArchivedBoard, WhereTheArchiveCannotBeReadAJobIsNotSaidToBeUnknown) {
  std::string word;
  const auto wait = board.LookUp("x", "a", kSteady, kSteady, Note(word));
  archive.CannotFind();
  EXPECT_THAT(source.looked_for, ElementsAre("x"));
  See(jobs::LookupMissed{"x", kSteady});
  EXPECT_EQ(word, "not asked ");
}

TEST_F(ArchivedBoard, WhatIsReadFromTheArchiveTakesNoMoreRoomThanThereIs) {
  std::string word;
  const auto watched = board.Subscribe({.job_ids = {"0"}}, std::make_shared<Told>());
  for (std::uint64_t i = 0; i < 6; ++i) {
    const auto wait = board.LookUp(std::to_string(i), "", kSteady, kSteady, Note(word));
    archive.Found({Archived(std::to_string(i), 50 + i)});
  }
  EXPECT_EQ(word, "foundfoundfoundfoundfoundfound");
  int in_memory = 0;
  for (int i = 0; i < 6; ++i) in_memory += Find(std::to_string(i)) != nullptr;
  EXPECT_EQ(in_memory, 3);
  EXPECT_NE(Find("0"), nullptr) << "somebody watches it";
}

TEST_F(ArchivedBoard, AWaitThatWasGivenUpIsNotAnsweredByTheArchive) {
  std::string word;
  { const auto wait = board.LookUp("x", "a", kSteady, kSteady, Note(word)); }
  archive.Found({});
  EXPECT_EQ(word, "");
  EXPECT_THAT(source.looked_for, IsEmpty());
}

TEST_F(ArchivedBoard, ListsWhatIsInMemoryAndInTheArchiveEachOnceNewestFirst) {
  for (const char* id : {"1", "2", "3", "4", "5"}) {
    See(Success(id));
    Write();
  }
  See(Queue({"r"}, {}));
  Write();
  EXPECT_EQ(Find("1"), nullptr) << "no room for it";
  const Snapshot two = Archived("2", 60);
  EXPECT_THAT(List({.limit = 10}, {Find("5"), Find("4"), two, Archived("1", 50)}),
              ElementsAre("r", "5", "4", "3", "2", "1"));
}

TEST_F(ArchivedBoard, ListsNoEndThatIsNotTheJobsNewestStatus) {
  See(Queue({"x"}, {}));
  Write();
  EXPECT_THAT(List({.limit = 10}, {Archived("x", 50, JobState::kLost), Archived("y", 40)}), ElementsAre("x", "y"));
}

TEST_F(ArchivedBoard, APageOfWhatIsAllInMemoryDoesNotAskTheArchive) {
  for (const char* id : {"1", "2", "3", "4"}) {
    See(Success(id));
    Write();
  }
  EXPECT_THAT(List({.limit = 2}), ElementsAre("4", "3"));
  EXPECT_THAT(archive.lists, IsEmpty());
  EXPECT_THAT(List({.states = {JobState::kQueued}, .limit = 5}), IsEmpty());
  EXPECT_THAT(archive.lists, IsEmpty()) << "nothing unfinished is in the archive";
  board.List({.limit = 5}, [](const Board::Listed&) {});
  EXPECT_THAT(archive.lists, SizeIs(1));
}

TEST_F(ArchivedBoard, HowFarRunningJobsAreIsGivenToBeWrittenWheneverItHasChanged) {
  const auto ids = [&] {
    std::vector<std::string> taken;
    for (const Snapshot& status : board.TakeProgress()) taken.push_back(status->job_id);
    return taken;
  };
  jobs::QueueObserved queue = Queue({"x"}, {"y"});
  const std::vector<jobs::WorkflowNodeSource> nodes = {{.id = "3", .class_type = "KSampler"}};
  queue.listing.running[0].workflow = std::make_shared<const jobs::Workflow>(*jobs::Workflow::Build(nodes, {"3"}));
  See(queue);
  Write();
  EXPECT_THAT(ids(), IsEmpty()) << "nothing is known of it";
  const auto step = [&](double value) {
    See(jobs::RunEventsHeard{{{.job_id = "x", .heard_at = kNow, .what = jobs::RunEvent::Step{"3", value, 10}}}});
  };
  step(5);
  ASSERT_TRUE(Find("x")->progress);
  EXPECT_THAT(ids(), ElementsAre("x"));
  EXPECT_THAT(ids(), IsEmpty());
  step(6);
  EXPECT_THAT(ids(), ElementsAre("x"));
}

// The thread that reads the archive may see a verdict before the one that wrote it has said so.
TEST_F(ArchivedBoard, AVerdictThatIsReadBeforeItIsToldIsNotToldUnderARevisionYetToCome) {
  std::string word;
  See(Success("x"));
  const Snapshot written = board.TakeUnwritten(100).statuses.at(0).status;
  const auto wait = board.LookUp("x", "", kSteady, kSteady, Note(word));
  archive.Found({written});
  EXPECT_EQ(Find("x"), nullptr);
  EXPECT_THAT(List({.limit = 10}, {written}), IsEmpty());
  board.OnWritten({.ok = true});
  EXPECT_EQ(*Find("x"), *written);
  EXPECT_EQ(word, "found");
}

TEST_F(ArchivedBoard, OfAJobThatIsUnfinishedInMemoryTheVerdictBeingWrittenIsNotRecalled) {
  std::string word;
  See(Queue({"x"}, {"y"}));
  Write();
  See(Success("x"));
  const Snapshot written = board.TakeUnwritten(100).statuses.at(0).status;
  const auto wait = board.LookUp("x", "b", kSteady, kSteady, Note(word));
  archive.Found({written});
  EXPECT_EQ(Find("x")->state, JobState::kProcessing);
  EXPECT_THAT(List({.limit = 10}, {written}), ElementsAre("y", "x"));
  board.OnWritten({.ok = true});
  EXPECT_EQ(*Find("x"), *written);
}

TEST_F(ArchivedBoard, ListsAsManyAsAreAskedForThoughSomeOfTheArchiveAreNotToBeTold) {
  See(Success("x"));
  const Snapshot written = board.TakeUnwritten(100).statuses.at(0).status;
  std::vector<std::string> ids;
  board.List({.limit = 2}, [&](const Board::Listed& listed) {
    for (const Board::Sighted& sighted : listed.value()) ids.push_back(sighted.snapshot->job_id);
  });
  archive.Listed({written, Archived("y", 50)});
  EXPECT_THAT(ids, IsEmpty()) << "or whoever asked would take this for all there is";
  ASSERT_THAT(archive.lists, SizeIs(1));
  EXPECT_EQ(archive.lists.front().first.before, 50u);
  archive.Listed({Archived("z", 40), Archived("a", 30)});
  EXPECT_THAT(ids, ElementsAre("y", "z"));
}

TEST_F(ArchivedBoard, ListsAJobThatEndsWhileTheArchiveIsReadOnce) {
  See(Queue({"x"}, {"y"}));
  Write();
  std::vector<std::string> ids;
  board.List({.limit = 10}, [&](const Board::Listed& listed) {
    for (const Board::Sighted& sighted : listed.value()) ids.push_back(sighted.snapshot->job_id);
  });
  See(Success("x"));
  Write();
  archive.Listed({Find("x")});
  EXPECT_THAT(ids, testing::UnorderedElementsAre("x", "y"));
}

// What a watch of all is told after a revision, of which the archive has so much.
class Backlogged : public ArchivedBoard {
 protected:
  Backlogged() : ArchivedBoard(Past{.newest_verdict = 90}) {}

  // The job told next, and the revision it is told under; "" when there is none.
  std::string Next(Backlog& backlog, std::uint64_t& after) {
    std::string job_id;
    backlog.Next(after, [&](const auto& next) {
      if (!next->sighted.snapshot) return;
      after = next->sighted.snapshot->revision;
      job_id = next->sighted.snapshot->job_id;
    });
    while (!archive.lists.empty()) AnswerPage();
    return job_id;
  }
  std::vector<std::uint64_t> Read(std::uint64_t after) {
    const Filter all;
    Backlog backlog(board, all);
    std::vector<std::uint64_t> revisions;
    while (!Next(backlog, after).empty()) revisions.push_back(after);
    return revisions;
  }
  void AnswerPage() {
    const jobs::ArchiveQuery query = archive.lists.front().first;
    EXPECT_FALSE(query.newest_first);
    std::vector<Snapshot> page;
    for (const Snapshot& status : archived) {
      if (status->revision > query.after && status->revision < query.before && page.size() < query.limit)
        page.push_back(status);
    }
    ++pages;
    archive.Listed(page);
  }

  std::vector<Snapshot> archived;
  int pages = 0;
};

TEST_F(Backlogged, IsGivenTheArchivedStatusesInOrderAndThenThoseInMemory) {
  for (std::uint64_t revision = 10; revision <= 90; revision += 20) {
    archived.push_back(Archived(std::to_string(revision), revision));
  }
  See(Queue({"r"}, {}));
  Write();
  EXPECT_THAT(Read(1), ElementsAre(10u, 30u, 50u, 70u, 90u, Find("r")->revision));
  EXPECT_THAT(Read(50), ElementsAre(70u, 90u, Find("r")->revision));
  pages = 0;
  EXPECT_THAT(Read(90), ElementsAre(Find("r")->revision));
  EXPECT_EQ(pages, 0) << "nothing the archive could add";
}

TEST_F(Backlogged, IsGivenNoneOfThemIfItBeginsAtTheBeginning) {
  archived = {Archived("x", 10), Archived("y", 90)};
  See(Queue({"r"}, {}));
  Write();
  EXPECT_THAT(Read(0), ElementsAre(Find("r")->revision));
  EXPECT_EQ(pages, 0);
}

TEST_F(Backlogged, BeginsAtTheBeginningOnce) {
  See(Success("owed"), kNow);
  Take();
  board.OnWritten({.ok = false});  // so that something was caught up with
  Write();
  archived = {Archived("old", 10)};
  const Filter all;
  Backlog backlog(board, all);
  std::vector<std::string> ids;
  std::uint64_t after = 0;
  const auto read = [&] { ids.push_back(Next(backlog, after)); };
  read();
  EXPECT_THAT(ids, ElementsAre("owed"));
  for (const char* id : {"1", "2", "3", "4", "5"}) {
    See(Success(id));
    Write();
    archived.push_back(Find(id));
  }
  See(jobs::BackendAnswered{});
  ASSERT_EQ(Find("1"), nullptr);
  for (int i = 0; i < 5; ++i) read();
  EXPECT_THAT(ids, ElementsAre("owed", "1", "2", "3", "4", "5")) << "what came since it began is not left out";
}

TEST_F(Backlogged, IsGivenMoreThanAPageOfThem) {
  for (std::uint64_t revision = 2; revision <= 86; ++revision) {
    archived.push_back(Archived(std::to_string(revision), revision));
  }
  EXPECT_THAT(Read(1), SizeIs(85));
  EXPECT_EQ(pages, 2);
}

TEST_F(Backlogged, IsGivenWhatIsInBothOnceAndOfAJobThatLivesAgainOnlyTheLife) {
  archived = {Archived("x", 10, JobState::kLost), Archived("y", 20), Archived("z", 30)};
  std::string word;
  const auto wait = board.LookUp("y", "", kSteady, kSteady, Note(word));
  archive.Found({archived[1]});
  See(Queue({"x"}, {}));
  Write();
  EXPECT_THAT(Read(1), ElementsAre(20u, 30u, Find("x")->revision));
}

TEST_F(Backlogged, IsGivenWhatWasOwedThoughItIsWrittenBelowWhatWasRead) {
  See(Success("owed"), kNow - 11s);
  Take();
  See(jobs::BackendAnswered{});  // the disk hangs: it is told, and has to be written again
  for (const char* id : {"1", "2", "3", "4"}) See(Success(id));
  board.OnWritten({.ok = true});
  ASSERT_THAT(board.TakeUnwritten(4).statuses, SizeIs(4));
  board.OnWritten({.ok = true});
  const Snapshot owed = Find("owed");
  const Snapshot one = Find("1");
  See(jobs::BackendAnswered{});
  ASSERT_EQ(Find("1"), nullptr);

  archived = {Archived("y", 90), one};
  const Filter all;
  Backlog backlog(board, all);
  std::vector<std::string> ids;
  std::uint64_t after = 1;
  const auto read = [&] { ids.push_back(Next(backlog, after)); };
  read();
  Write();
  See(jobs::BackendAnswered{});
  ASSERT_EQ(Find("owed"), nullptr);
  archived = {Archived("y", 90), owed, one};
  for (int i = 0; i < 4; ++i) read();
  EXPECT_THAT(ids, ElementsAre("y", "owed", "1", "2", "3"));
}

class WithUnfinished : public ArchivedBoard {
 protected:
  WithUnfinished()
      : ArchivedBoard(Past{
            .newest_verdict = 90,
            .unfinished = {*Archived("x", 0, JobState::kProcessing), *Archived("old", 0, JobState::kQueued, "gone")},
            .former_backends = {"gone"}}) {}
};

TEST_F(WithUnfinished, JobsOfBeforeAreStaleUntilTheirBackendIsSeen) {
  EXPECT_TRUE(Find("x")->stale);
  EXPECT_GT(Find("x")->revision, 100u) << "that is news";
  See(Queue({"x"}, {}));
  EXPECT_FALSE(Find("x")->stale);
}

TEST_F(WithUnfinished, StatusesOfABackendThatIsConfiguredNoMoreAreThere) {
  EXPECT_TRUE(board.HasBackend("gone"));
  EXPECT_TRUE(Find("old", "gone")->stale);
  EXPECT_THAT(List({.backend = "gone", .limit = 10}, {Archived("ended", 20, JobState::kFailed, "gone")}),
              ElementsAre("old", "ended"));
  EXPECT_THAT(board.Backends(), SizeIs(2)) << "but it is not one that is watched";
  std::string word;
  const auto wait = board.LookUp("ended", "gone", kSteady, kSteady, Note(word));
  archive.Found({});
  EXPECT_EQ(word, "not found") << "there is nobody to ask";
}

}  // namespace
}  // namespace board
