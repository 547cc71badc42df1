#include "archive/archive.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "archive/played_board.h"

namespace archive_test {
namespace {

using namespace std::chrono_literals;
using jobs::JobState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ArchiveTest : public WithArchive {
 protected:
  ArchiveTest() {
    EXPECT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
    Start();
  }
};

TEST_F(ArchiveTest, FindsTheVerdictOfAJobOnEveryBackend) {
  jobs::JobStatus full = Status("x", JobState::kCompleted, 11);
  full.outputs.push_back({.filename = "cat.png"});
  full.number = {7};
  EXPECT_TRUE(Write({full, Status("x", JobState::kFailed, 12, "gpu2"), Status("y", JobState::kLost, 13)}).ok);
  const auto found = FindAll("x").value();
  ASSERT_THAT(found, SizeIs(2));
  const bool first = found[0]->backend == "gpu";
  EXPECT_EQ(*found[first ? 0 : 1], full);
  EXPECT_EQ(found[first ? 1 : 0]->error->message, "boom");
  EXPECT_THAT(FindAll("z").value(), IsEmpty());
  EXPECT_THAT(FindAll("").value(), IsEmpty());
}

TEST_F(ArchiveTest, ListsByBackendAndStateAndRevisionInBothDirections) {
  Write({Status("a", JobState::kCompleted, 10), Status("b", JobState::kFailed, 20),
         Status("c", JobState::kCompleted, 30, "gpu2"), Status("d", JobState::kLost, 40),
         Status("e", JobState::kFailed, 50, "gpu2"), Status("f", JobState::kQueued)});
  EXPECT_THAT(Ids(ListAll({.limit = 10})), ElementsAre("e", "d", "c", "b", "a"));
  EXPECT_THAT(Ids(ListAll({.limit = 2})), ElementsAre("e", "d"));
  EXPECT_THAT(Ids(ListAll({.before = 40, .limit = 2})), ElementsAre("c", "b"));
  EXPECT_THAT(Ids(ListAll({.after = 20, .newest_first = false, .limit = 2})), ElementsAre("c", "d"));
  EXPECT_THAT(Ids(ListAll({.backend = "gpu2", .limit = 10})), ElementsAre("e", "c"));
  EXPECT_THAT(Ids(ListAll({.backend = "gpu", .after = 10, .newest_first = false, .limit = 10})), ElementsAre("b", "d"));
  EXPECT_THAT(Ids(ListAll({.states = {JobState::kFailed, JobState::kLost}, .limit = 2})), ElementsAre("e", "d"));
  EXPECT_THAT(Ids(ListAll({.backend = "gpu", .states = {JobState::kFailed}, .limit = 10})), ElementsAre("b"));
  EXPECT_THAT(Ids(ListAll({.states = {JobState::kQueued}, .limit = 10})), IsEmpty()) << "only verdicts";
  EXPECT_THAT(Ids(ListAll({.backend = "gpu9", .limit = 10})), IsEmpty());
}

TEST_F(ArchiveTest, AStatusWrittenAgainUnderAnotherRevisionTakesThePlaceOfTheFirst) {
  Write({Status("x", JobState::kCompleted, 10)});
  Write({Status("x", JobState::kCompleted, 5)}, true);
  EXPECT_EQ(FindAll("x").value().at(0)->revision, 5u);
  EXPECT_THAT(Ids(ListAll({.limit = 10})), ElementsAre("x"));
}

TEST_F(ArchiveTest, AnIdThatHasEndedAndIsUsedAgainIsSaidToHaveEnded) {
  Write({Status("x", JobState::kCompleted, 10)});
  for (const JobState state : {JobState::kQueued, JobState::kFailed}) {
    const jobs::Written written = Write({Status("x", state, 20)});
    EXPECT_TRUE(written.ok);
    ASSERT_THAT(written.ended_before, SizeIs(1));
    EXPECT_EQ(*written.ended_before[0], Status("x", JobState::kCompleted, 10));
  }
  EXPECT_EQ(FindAll("x").value().at(0)->revision, 10u);
}

TEST_F(ArchiveTest, ALostJobThatIsSeenAgainIsLostNoMore) {
  Write({Status("x", JobState::kLost, 10)});
  EXPECT_THAT(Write({Status("x", JobState::kQueued)}).ended_before, IsEmpty());
  EXPECT_THAT(FindAll("x").value(), IsEmpty());
  Write({Status("x", JobState::kCompleted, 20)});
  EXPECT_EQ(FindAll("x").value().at(0)->revision, 20u);
}

TEST_F(ArchiveTest, RemembersEverythingWhenItIsOpenedAgain) {
  jobs::JobStatus processing = Status("running", JobState::kProcessing, 0, "gpu2");
  processing.number = {12};
  Write({Status("ended", JobState::kCompleted, 10), Status("waiting", JobState::kQueued),
         Status("ended2", JobState::kQueued), processing});
  Write({Status("ended2", JobState::kFailed, 20)});
  const std::string secret = archive->remembered().secret;
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
  const archive::Remembered& remembered = archive->remembered();
  EXPECT_THAT(remembered.unfinished, testing::UnorderedElementsAre(Status("waiting", JobState::kQueued), processing));
  EXPECT_EQ(remembered.newest_verdict, 20u);
  EXPECT_THAT(remembered.secret, SizeIs(32));
  EXPECT_EQ(remembered.secret, secret);
  EXPECT_THAT(Ids(ListAll({.limit = 10})), ElementsAre("ended2", "ended"));
}

TEST_F(ArchiveTest, RemembersTheNewestOfWhatEachHistoryHad) {
  std::vector<jobs::JobStatus> statuses;
  for (std::uint64_t i = 1; i <= 5; ++i) {
    statuses.push_back(Status("c" + std::to_string(i), JobState::kCompleted, 10 * i));
    statuses.push_back(Status("f" + std::to_string(i), JobState::kFailed, 10 * i + 1));
    statuses.push_back(Status("l" + std::to_string(i), JobState::kLost, 10 * i + 2));
  }
  Write(statuses);
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
  std::vector<std::string> ids;
  for (const jobs::JobStatus& status : archive->remembered().last_in_history.at("gpu")) ids.push_back(status.job_id);
  EXPECT_THAT(ids, ElementsAre("f5", "c5", "f4"));
  EXPECT_THAT(archive->remembered().last_in_history.at("gpu2"), IsEmpty());
}

TEST_F(ArchiveTest, RevisionsBeginAboveAllThatWereGivenOutBefore) {
  std::uint64_t before = archive->remembered().revision;
  EXPECT_GE(before, static_cast<std::uint64_t>(kNow.time_since_epoch().count()))
      << "never seen before, so by the clock";
  for (int life = 0; life < 3; ++life) {
    // As many as may be given out while nothing at all is written.
    const std::uint64_t given_out = before + archive::Writer::kReserve / 2;
    now = kNow - 24h;  // the clock is set back
    ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
    EXPECT_GT(archive->remembered().revision, given_out);
    before = archive->remembered().revision;
  }
}

TEST_F(ArchiveTest, MoreRevisionsAreReservedAsTheyAreGivenOut) {
  const std::uint64_t far = archive->remembered().revision + 10 * archive::Writer::kReserve;
  board->SetRevision(far);
  Write({Status("x", JobState::kQueued)});
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
  EXPECT_GT(archive->remembered().revision, far);
}

TEST_F(ArchiveTest, WritesWhatThereIsBeforeItStops) {
  for (std::uint64_t i = 1; i <= 2000; ++i) board->Hand(Status(std::to_string(i), JobState::kCompleted, i));
  archive->Stop();
  EXPECT_TRUE(board->Await().ok);
  EXPECT_EQ(ListAll({.limit = 1}).error().detail, "the service is stopping");
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
  EXPECT_THAT(ListAll({.limit = 5000}).value(), SizeIs(2000));
}

TEST_F(ArchiveTest, HowFarAJobIsSurvivesAsLongAsItIsUnfinished) {
  jobs::JobStatus running = Status("running", JobState::kProcessing);
  jobs::JobStatus ended = Status("ended", JobState::kProcessing);
  Write({running, ended});
  Write({Status("ended", JobState::kCompleted, 10)});
  running.progress = ended.progress = jobs::Progress{.percentage = 40, .completed_nodes = 2, .total_nodes = 5};
  board->Move(running);
  board->Move(ended);
  archive->Stop();
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"gpu2", "http://gpu2"}}), "");
  EXPECT_THAT(archive->remembered().unfinished, ElementsAre(running));
}

TEST_F(ArchiveTest, ADamagedStatusIsToldAndNothingElseIsHarmed) {
  Write({Status("x", JobState::kCompleted, 10), Status("y", JobState::kCompleted, 20)});
  sqlite3* damage = nullptr;
  sqlite3_open(database().c_str(), &damage);
  ASSERT_EQ(sqlite3_exec(damage, "UPDATE verdicts SET status = x'ff' WHERE job_id = 'x'", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(damage);
  EXPECT_THAT(FindAll("x").error().detail, HasSubstr("the status of job x is damaged"));
  EXPECT_THAT(FindAll("x").error().detail, HasSubstr("damaged"));
  EXPECT_THAT(Ids(FindAll("y")), ElementsAre("y"));
  const std::lock_guard lock(mutex);
  EXPECT_THAT(troubles, ElementsAre(HasSubstr("cannot be read"), HasSubstr("over: "))) << "once, not with each try";
}

TEST_F(ArchiveTest, ADamagedStatusIsReplacedByALaterOneOfItsJob) {
  Write({Status("x", JobState::kCompleted, 10)});
  sqlite3* damage = nullptr;
  sqlite3_open(database().c_str(), &damage);
  ASSERT_EQ(sqlite3_exec(damage, "UPDATE verdicts SET status = x'ff'", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(damage);
  const jobs::Written written = Write({Status("x", JobState::kFailed, 20), Status("y", JobState::kCompleted, 30)});
  EXPECT_TRUE(written.ok) << "or nothing would ever be written again";
  EXPECT_THAT(written.ended_before, IsEmpty());
  EXPECT_THAT(Ids(ListAll({.limit = 10})), ElementsAre("y", "x"));
}

TEST_F(ArchiveTest, CountsWhatItWritesAndWhatItCannotWrite) {
  Write({Status("a", JobState::kCompleted, 5), Status("b", JobState::kQueued)});
  archive::Counts counts = archive->Read();
  EXPECT_EQ(counts.statuses, 2u);
  EXPECT_GT(counts.batches.sum.count(), 0);
  EXPECT_EQ(counts.failed_batches, 0u);
  EXPECT_FALSE(counts.failing);
  Write({Status("a", JobState::kFailed, 6)});
  EXPECT_EQ(archive->Read().statuses, 2u) << "it has ended before";
  std::filesystem::rename(database(), scratch / "away");
  Write({Status("c", JobState::kCompleted, 7)});
  counts = archive->Read();
  EXPECT_EQ(counts.statuses, 2u);
  EXPECT_GE(counts.failed_batches, 1u);
  EXPECT_TRUE(counts.failing);
}

TEST_F(ArchiveTest, AFileThatIsTakenAwayWhileItIsInUseIsNotTakenForAnArchive) {
  Write({Status("x", JobState::kCompleted, 10)});
  std::filesystem::rename(directory, scratch / "elsewhere");
  EXPECT_FALSE(Write({Status("y", JobState::kCompleted, 20)}).ok);
  {
    const std::lock_guard lock(mutex);
    EXPECT_THAT(troubles, ElementsAre(HasSubstr("was moved or removed")));
  }
  std::filesystem::rename(scratch / "elsewhere", directory);
  board->Hand(Status("z", JobState::kCompleted, 30));
  archive->Stop();  // tries once more
  EXPECT_TRUE(board->Await().ok);
}

TEST_F(ArchiveTest, ALookUpDoesNotWaitForAllTheListsThatWereAskedForBefore) {
  Write({Status("x", JobState::kCompleted, 10)});
  std::promise<void> all_asked;
  std::atomic<int> lists = 0;
  archive->List({.limit = 10}, [&, asked = all_asked.get_future().share()](const Answer&) { asked.wait(); });
  for (int i = 0; i < 100; ++i) archive->List({.limit = 10}, [&](const Answer&) { ++lists; });
  std::vector<int> lists_before;
  std::promise<void> found;
  for (int i = 0; i < 2; ++i) {
    archive->Find("x", [&](const Answer&) {
      lists_before.push_back(lists);
      if (lists_before.size() == 2) found.set_value();
    });
  }
  all_asked.set_value();
  found.get_future().wait();
  EXPECT_LE(lists_before[0], 1);
  EXPECT_LE(lists_before[1], 2) << "in turns: neither keeps the other waiting";
  archive->Stop();
  EXPECT_EQ(lists, 100);
}

// Stands in for a disk that is full: no file may grow beyond this.
class FilesMayNotExceed {
 public:
  explicit FilesMayNotExceed(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{.rlim_cur = bytes, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FilesMayNotExceed() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ArchiveTest, ADiskWithoutRoomForItsLogIsWrittenToAgainAsTheLogIsEmptied) {
  const FilesMayNotExceed limit(400'000);
  std::uint64_t revision = 1;
  while (Write({Status(std::to_string(revision), JobState::kCompleted, revision)}).ok) ASSERT_LT(++revision, 1000u);
  board->Hand(Status("x", JobState::kCompleted, revision + 1));
  archive->Stop();  // tries once more
  EXPECT_TRUE(board->Await().ok);
}

// Has something to write whenever it is asked, for a while.
class BusyBoard final : public jobs::UnwrittenSource {
 public:
  BusyBoard(std::uint64_t revision, std::filesystem::path log) : revision_(revision), log_(std::move(log)) {}

  jobs::UnwrittenBatch TakeUnwritten(std::size_t limit) override {
    jobs::UnwrittenBatch batch;
    if (batches_-- > 0) {
      while (batch.statuses.size() < limit) {
        const std::string id = std::to_string(++revision_);
        batch.statuses.push_back(
            {std::make_shared<const jobs::JobStatus>(Status(id, JobState::kCompleted, revision_))});
      }
    } else if (batches_ == -1) {
      done.set_value();
    }
    batch.revision = revision_;
    return batch;
  }
  std::vector<jobs::Snapshot> TakeProgress() override { return {}; }
  void OnWritten(const jobs::Written&) override {
    longest_log = std::max(longest_log, std::filesystem::file_size(log_));
  }

  std::promise<void> done;
  std::uintmax_t longest_log = 0;

 private:
  int batches_ = 200;
  std::uint64_t revision_;
  std::filesystem::path log_;
};

TEST_F(ArchiveTest, ItsLogDoesNotGrowForAsLongAsThereIsSomethingToWrite) {
  ASSERT_EQ(Open(), "");
  BusyBoard busy(archive->remembered().revision, database().string() + "-wal");
  archive->Start(busy);
  busy.done.get_future().wait();
  archive->Stop();
  EXPECT_LT(busy.longest_log, 8u << 20);
}

TEST_F(ArchiveTest, ReadersAreAnsweredWhileMuchIsWritten) {
  for (std::uint64_t i = 1; i <= 20'000; ++i) board->Hand(Status(std::to_string(i), JobState::kCompleted, i));
  archive->Wake();
  std::uint64_t newest = 0;
  while (newest < 20'000) {
    const auto listed = ListAll({.limit = 1});
    ASSERT_TRUE(listed.has_value());
    if (listed->empty()) continue;
    EXPECT_GE(listed->front()->revision, newest);
    newest = listed->front()->revision;
  }
}

}  // namespace
}  // namespace archive_test
