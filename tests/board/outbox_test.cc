#include "board/outbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board/played.h"

namespace board {
namespace {

using namespace std::chrono_literals;
using jobs::JobState;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr std::uint64_t kRevision = 1000;  // of the board, before anything is written
constexpr std::uint64_t kReserved = 2000;  // under which terminal ones are taken

jobs::JobStatus Status(const std::string& id, JobState state, double percentage = 0) {
  jobs::JobStatus status{.job_id = id, .backend = "gpu", .state = state};
  if (percentage > 0) status.progress = {.percentage = percentage};
  return status;
}

class OutboxTest : public testing::Test {
 protected:
  void Hold(const std::string& id, JobState state) { outbox.Hold(Status(id, state), true, kNow); }
  std::vector<std::pair<std::string, std::uint64_t>> Take(std::size_t limit = 10) {
    std::vector<std::pair<std::string, std::uint64_t>> taken;
    for (const jobs::Unwritten& unwritten : outbox.Take(limit, kReserved))
      taken.emplace_back(unwritten.status->job_id, unwritten.status->revision);
    return taken;
  }
  std::vector<std::pair<std::string, std::uint64_t>> Written(std::uint64_t revision = kRevision) {
    std::vector<std::pair<std::string, std::uint64_t>> told;
    for (const jobs::JobStatus& status : outbox.Written(revision)) told.emplace_back(status.job_id, status.revision);
    return told;
  }
  // What the board does when the disk does not take it.
  void TellAll(std::uint64_t revision) {
    for (jobs::JobStatus& status : outbox.AllWaiting()) {
      status.revision = revision++;
      outbox.Owe(status);
    }
  }

  Outbox outbox;
};

TEST_F(OutboxTest, AChangeIsToldOnceItIsWritten) {
  Hold("a", JobState::kQueued);
  EXPECT_NE(outbox.Waiting("a", "gpu"), nullptr);
  EXPECT_EQ(outbox.Waiting("a", "gpu2"), nullptr);
  EXPECT_THAT(Take(), ElementsAre(Pair("a", 0u)));
  EXPECT_NE(outbox.Waiting("a", "gpu"), nullptr) << "not before";
  EXPECT_THAT(Written(), ElementsAre(Pair("a", 0u)));
  EXPECT_EQ(outbox.Waiting("a", "gpu"), nullptr);
  EXPECT_THAT(Take(), IsEmpty());
}

TEST_F(OutboxTest, VerdictsAreWrittenUnderTheRevisionsTheyAreToldUnderAndToldFirst) {
  Hold("a", JobState::kFailed);
  Hold("b", JobState::kQueued);
  Hold("c", JobState::kLost);
  EXPECT_THAT(Take(), ElementsAre(Pair("a", 2000u), Pair("b", 0u), Pair("c", 2001u)));
  EXPECT_THAT(Written(), ElementsAre(Pair("a", 2000u), Pair("c", 2001u), Pair("b", 0u)));
}

TEST_F(OutboxTest, TakesThoseThatWaitLongestFirst) {
  for (const char* id : {"c", "a", "b"}) Hold(id, JobState::kQueued);
  EXPECT_THAT(Take(2), ElementsAre(Pair("c", 0u), Pair("a", 0u)));
  Written();
  EXPECT_THAT(Take(2), ElementsAre(Pair("b", 0u)));
}

TEST_F(OutboxTest, OfAJobThatChangesAgainBeforeItIsTakenOnlyTheNewestIsWritten) {
  Hold("a", JobState::kQueued);
  Hold("a", JobState::kProcessing);
  const auto batch = outbox.Take(10, kReserved);
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch[0].status->state, JobState::kProcessing);
}

TEST_F(OutboxTest, OfAJobThatChangesWhileItIsWrittenTheNewestIsWrittenNextAndOnlyThatIsTold) {
  Hold("a", JobState::kProcessing);
  Take();
  Hold("a", JobState::kCompleted);
  EXPECT_THAT(Written(), IsEmpty());
  EXPECT_EQ(outbox.Waiting("a", "gpu")->state, JobState::kCompleted);
  EXPECT_THAT(Take(), ElementsAre(Pair("a", 2000u)));
  EXPECT_THAT(Written(), ElementsAre(Pair("a", 2000u)));
}

TEST_F(OutboxTest, MovementWithinAStateGoesAlongWithTheChangeThatWaits) {
  Hold("a", JobState::kProcessing);
  Take();
  outbox.Hold(Status("a", JobState::kProcessing, 50), false, kNow);
  const auto told = outbox.Written(kRevision);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].progress->percentage, 50);
  EXPECT_THAT(Take(), IsEmpty()) << "it need not be written";
}

TEST_F(OutboxTest, AVerdictWhoseRevisionWasOvertakenWhileItWasWrittenIsWrittenAgain) {
  Hold("a", JobState::kCompleted);
  Take();
  EXPECT_THAT(Written(kReserved), IsEmpty()) << "somebody was told as great a revision of another job";
  const auto again = outbox.Take(10, 3000);
  ASSERT_EQ(again.size(), 1u);
  EXPECT_EQ(again[0].status->revision, 3000u);
  EXPECT_TRUE(again[0].replaces);
  EXPECT_THAT(Written(kReserved), ElementsAre(Pair("a", 3000u)));
}

TEST_F(OutboxTest, WhatCouldNotBeWrittenIsTakenAgainInItsOrder) {
  for (const char* id : {"c", "a"}) Hold(id, JobState::kQueued);
  Take(2);
  Hold("b", JobState::kQueued);
  outbox.NotWritten();
  EXPECT_THAT(Take(), ElementsAre(Pair("c", 0u), Pair("a", 0u), Pair("b", 0u)));
}

TEST_F(OutboxTest, WhatWasToldWithoutBeingWrittenIsWrittenLaterAsItWasTold) {
  Hold("a", JobState::kCompleted);
  Take();
  outbox.NotWritten();
  TellAll(1500);
  EXPECT_EQ(outbox.Waiting("a", "gpu"), nullptr);
  EXPECT_TRUE(outbox.Has("a", "gpu"));
  const auto batch = outbox.Take(10, kReserved);
  ASSERT_EQ(batch.size(), 1u);
  EXPECT_EQ(batch[0].status->revision, 1500u);
  EXPECT_TRUE(batch[0].replaces);
  EXPECT_THAT(Written(1600), IsEmpty()) << "it was told before";
  EXPECT_FALSE(outbox.Has("a", "gpu"));
}

TEST_F(OutboxTest, WhatWasToldWhileItWasWrittenIsWrittenAgainAsItWasTold) {
  Hold("a", JobState::kCompleted);
  Hold("b", JobState::kQueued);
  Take();
  TellAll(1500);  // the disk hangs …
  EXPECT_THAT(Written(1600), IsEmpty());
  EXPECT_THAT(Take(), ElementsAre(Pair("a", 1500u))) << "… and has the verdict under a revision nobody was told";
  EXPECT_THAT(Written(1600), IsEmpty());
  EXPECT_FALSE(outbox.Has("a", "gpu"));
}

TEST_F(OutboxTest, AJobThatIsOwedAndChangesWaitsAgain) {
  Hold("a", JobState::kQueued);
  TellAll(1500);
  Hold("a", JobState::kCompleted);
  EXPECT_NE(outbox.Waiting("a", "gpu"), nullptr);
  EXPECT_THAT(Take(), ElementsAre(Pair("a", 2000u)));
  EXPECT_THAT(Written(1600), ElementsAre(Pair("a", 2000u)));
}

TEST_F(OutboxTest, NothingIsWrittenOrToldOfAJobThatHasEndedLongAgo) {
  Hold("a", JobState::kQueued);
  Hold("b", JobState::kQueued);
  Take();
  outbox.HasEnded("a", "gpu");
  EXPECT_THAT(Written(), ElementsAre(Pair("b", 0u)));
  EXPECT_FALSE(outbox.Has("a", "gpu"));
}

TEST_F(OutboxTest, KnowsSinceWhenTheFirstWaits) {
  EXPECT_EQ(outbox.waiting_since(), jobs::Time::max());
  outbox.Hold(Status("a", JobState::kQueued), true, kNow);
  outbox.Hold(Status("b", JobState::kQueued), true, kNow + 1s);
  EXPECT_EQ(outbox.waiting_since(), kNow);
  outbox.Hold(Status("a", JobState::kProcessing), true, kNow + 2s);
  Take(1);
  EXPECT_EQ(outbox.waiting_since(), kNow) << "nobody knows of it for as long";
  TellAll(1500);
  EXPECT_EQ(outbox.waiting_since(), jobs::Time::max());
}

TEST_F(OutboxTest, KnowsSinceWhenOneWaitsBehindWhatIsOwed) {
  Hold("a", JobState::kCompleted);
  TellAll(1500);
  outbox.Hold(Status("b", JobState::kQueued), true, kNow + 1s);
  EXPECT_EQ(outbox.waiting_since(), kNow + 1s);
  Take();
  EXPECT_EQ(outbox.waiting_since(), kNow + 1s);
  Written();
  EXPECT_EQ(outbox.waiting_since(), jobs::Time::max());
}

TEST_F(OutboxTest, OfThoseOwedTheOldestAreGivenUp) {
  for (std::size_t i = 0; i < Outbox::kMaxOwed + 3; ++i) {
    jobs::JobStatus status = Status(std::to_string(i), JobState::kCompleted);
    status.revision = i + 1;
    outbox.Owe(status);
  }
  EXPECT_FALSE(outbox.Has("2", "gpu"));
  EXPECT_TRUE(outbox.Has("3", "gpu"));
}

TEST_F(OutboxTest, TellsSinceWhenTheOldestChangeIsNotOnTheDisk) {
  EXPECT_EQ(outbox.unwritten_since(), jobs::Time::max());
  outbox.Hold(Status("a", JobState::kQueued), true, kNow);
  outbox.Hold(Status("b", JobState::kQueued), true, kNow + 5s);
  Take(1);
  EXPECT_EQ(outbox.unwritten_since(), kNow) << "it is only being written";
  Written();
  EXPECT_EQ(outbox.unwritten_since(), kNow + 5s);
  TellAll(kRevision);
  EXPECT_EQ(outbox.unwritten_since(), kNow + 5s) << "told, and not on the disk";
  Take();
  EXPECT_EQ(outbox.unwritten_since(), kNow + 5s);
  outbox.NotWritten();
  EXPECT_EQ(outbox.unwritten_since(), kNow + 5s);
  Take();
  Written();
  EXPECT_EQ(outbox.unwritten_since(), jobs::Time::max());
  jobs::JobStatus told = Status("c", JobState::kCompleted);
  told.observe_time = kNow + 9s;
  outbox.Owe(told);
  EXPECT_EQ(outbox.unwritten_since(), kNow + 9s) << "told without having waited";
}

}  // namespace
}  // namespace board
