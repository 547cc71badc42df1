#include "board/tally.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "board/played.h"

namespace board {
namespace {

using jobs::JobState;
using jobs::JobStatus;
using std::chrono::seconds;

JobStatus Seen(JobState state, jobs::Time now) {
  return {.job_id = "x", .backend = "gpu", .state = state, .observe_time = now};
}

std::uint64_t HowMany(const jobs::Histogram::Counts& durations) {
  return std::accumulate(durations.counts.begin(), durations.counts.end(), std::uint64_t{0});
}

// What is told of a job, one after the other.
class TallyTest : public testing::Test {
 protected:
  void Tell(const JobStatus& status) {
    tally.Told(told ? &*told : nullptr, status);
    told = status;
  }
  Tally::Counts Read() { return tally.Read()["gpu"]; }
  std::uint64_t Ended(JobState state) { return At(Read().outcomes, state); }

  Tally tally;
  std::optional<JobStatus> told;
};

using OutcomesAndTimes = TallyTest;

TEST_F(OutcomesAndTimes, AreThoseOfAJobThatWasSeenFromItsBeginningToItsEnd) {
  Tell(Seen(JobState::kQueued, kNow));
  Tell(Seen(JobState::kQueued, kNow + seconds(3)));  // further on in the queue
  Tell(Seen(JobState::kProcessing, kNow + seconds(5)));
  Tell(Seen(JobState::kProcessing, kNow + seconds(10)));
  Tell(Seen(JobState::kCompleted, kNow + seconds(25)));
  EXPECT_EQ(Read().wait.sum, seconds(5));
  EXPECT_EQ(Read().run.sum, seconds(20));
  EXPECT_EQ(HowMany(Read().wait), 1u);
  EXPECT_EQ(HowMany(Read().run), 1u);
  EXPECT_EQ(Ended(JobState::kCompleted), 1u);
}

// ComfyUI's clock may be an hour off.
TEST_F(OutcomesAndTimes, AreTakenFromComfyUisTimesWhereOursLack) {
  const jobs::Time theirs = kNow - seconds(3600);
  JobStatus running = Seen(JobState::kProcessing, kNow);
  running.create_time = theirs - seconds(100);
  Tell(running);
  EXPECT_EQ(HowMany(Read().wait), 0u) << "how long it waited is not known yet";
  JobStatus done = Seen(JobState::kCompleted, kNow + seconds(1));
  done.create_time = running.create_time;
  done.start_time = theirs - seconds(40);
  done.end_time = theirs;
  Tell(done);
  EXPECT_EQ(Read().wait.sum, seconds(60));
  EXPECT_EQ(Read().run.sum, seconds(40));
}

TEST_F(OutcomesAndTimes, AJobThatEndedBeforeAnybodyCountedIsNone) {
  tally.Begin(kNow);
  tally.Begin(kNow + seconds(100));  // it has begun
  JobStatus old = Seen(JobState::kCompleted, kNow + seconds(10));
  old.job_id = "looked up";
  old.end_time = kNow - seconds(1);
  Tell(old);
  EXPECT_EQ(Ended(JobState::kCompleted), 0u);
  told.reset();
  JobStatus quick = Seen(JobState::kCompleted, kNow + seconds(10));
  quick.job_id = "too quick to be seen";
  quick.create_time = quick.start_time = kNow + seconds(1);
  quick.end_time = kNow + seconds(2);
  Tell(quick);
  EXPECT_EQ(Ended(JobState::kCompleted), 1u);
  EXPECT_EQ(Read().run.sum, seconds(1));
}

TEST_F(OutcomesAndTimes, AJobTakenOutOfTheQueueHasNotRun) {
  Tell(Seen(JobState::kQueued, kNow));
  Tell(Seen(JobState::kCancelled, kNow + seconds(9)));
  EXPECT_EQ(Ended(JobState::kCancelled), 1u);
  EXPECT_EQ(HowMany(Read().run) + HowMany(Read().wait), 0u);
}

TEST_F(OutcomesAndTimes, ALostJobThatTurnsUpAgainMayEndAgain) {
  Tell(Seen(JobState::kProcessing, kNow));
  Tell(Seen(JobState::kLost, kNow + seconds(1)));
  EXPECT_EQ(HowMany(Read().run), 0u) << "nobody knows how long it ran";
  Tell(Seen(JobState::kProcessing, kNow + seconds(2)));
  Tell(Seen(JobState::kCompleted, kNow + seconds(5)));
  EXPECT_EQ(Ended(JobState::kLost), 1u);
  EXPECT_EQ(Ended(JobState::kCompleted), 1u);
}

TEST_F(OutcomesAndTimes, AreThereForABackendWithoutJobs) {
  tally.Enter("idle");
  ASSERT_TRUE(tally.Read().contains("idle"));
  EXPECT_GT(tally.Read()["idle"].run.counts.size(), 10u);
}

// ---- what the board counts besides

class BoardCounts : public testing::Test {
 protected:
  void See(jobs::Observation observation) { board.Observe("gpu", std::move(observation), kNow); }
  Board board{{{"gpu", "http://gpu"}, {"other", "http://other"}}, {}, 1000};
};

TEST_F(BoardCounts, JobsByStateAreThoseInMemory) {
  See(Queue({"running"}, {"first", "second"}));
  ByState jobs = board.Read().backends[0].jobs;
  EXPECT_EQ(At(jobs, JobState::kProcessing), 1u);
  EXPECT_EQ(At(jobs, JobState::kQueued), 2u);
  EXPECT_EQ(board.Read().backends[1].jobs, ByState{});
  See(Success("running"));
  jobs = board.Read().backends[0].jobs;
  EXPECT_EQ(At(jobs, JobState::kProcessing), 0u);
  EXPECT_EQ(At(jobs, JobState::kCompleted), 1u);
  board.Observe("gpu", Queue({}, {"first"}), kNow + std::chrono::hours(25));  // it is forgotten
  EXPECT_EQ(At(jobs = board.Read().backends[0].jobs, JobState::kCompleted), 0u);
  EXPECT_EQ(board.Read().revision, board.NextAfter({}, 0).revision);
}

TEST_F(BoardCounts, AStatusThatIsReplacedBeforeAWatcherTookItIsConflated) {
  const auto slow = std::make_shared<Told>();
  const auto quick = std::make_shared<Told>();
  slow->taken = quick->taken = 1000;
  const auto watch = board.Subscribe({.job_ids = {"x"}, .backend = ""}, slow);
  const auto another = board.Subscribe({.job_ids = {"x"}, .backend = ""}, quick);
  EXPECT_EQ(board.Read().subscriptions, 2u);
  See(Queue({"x"}, {"unwatched"}));
  EXPECT_EQ(board.Read().conflated, 0u) << "it is there for both to be taken";
  quick->taken = board.NextAfter({}, 0).revision;
  See(Success("x"));
  EXPECT_EQ(board.Read().conflated, 1u) << "one of them will not hear that it ran";
  See(Queue({"unwatched"}, {}));
  EXPECT_EQ(board.Read().conflated, 1u);
}

TEST_F(BoardCounts, OfAQueueThatMovesEachStatusThatIsReplacedIsConflatedForWhoeverWatchesAll) {
  const auto slow = std::make_shared<Told>();
  const auto quick = std::make_shared<Told>();
  const auto elsewhere = std::make_shared<Told>();
  const auto watch = board.Subscribe({}, slow);
  const auto another = board.Subscribe({.job_ids = {}, .backend = "gpu"}, quick);
  const auto third = board.Subscribe({.job_ids = {}, .backend = "other"}, elsewhere);
  See(Queue({"x"}, {"1", "2", "3"}));
  EXPECT_EQ(board.Read().conflated, 0u) << "there was nothing to replace";
  slow->taken = board.NextAfter({}, 0).revision - 1;
  quick->taken = board.NextAfter({}, 0).revision;
  See(Queue({"1"}, {"2", "3"}));
  EXPECT_EQ(board.Read().conflated, 1u) << "of 3, which changed last, one will not hear that it was the third";
  See(Queue({"1"}, {"2"}));
  EXPECT_EQ(board.Read().conflated, 3u) << "neither has taken that 2 was the first of two";
  EXPECT_EQ(slow->changes, (std::vector{true, true, false}));
  EXPECT_EQ(quick->changes, (std::vector{true, true, false}));
  EXPECT_TRUE(elsewhere->changes.empty());
}

}  // namespace
}  // namespace board
