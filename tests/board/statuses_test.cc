#include "board/statuses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board/played.h"
#include "jobs/status_size.h"

namespace board {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Gt;
using testing::IsEmpty;
using testing::Lt;

constexpr std::size_t kTextBytes = 100'000;

class StatusesInMemory : public testing::Test {
 protected:
  void Finished(const std::string& id, const std::string& backend = "a", std::size_t text_bytes = kTextBytes) {
    jobs::JobStatus status{.job_id = id, .backend = backend, .state = jobs::JobState::kCompleted, .observe_time = kNow};
    status.outputs.push_back({.text = std::string(text_bytes, 'x')});
    Put(std::move(status));
  }
  void Put(jobs::JobStatus status) {
    status.revision = ++revision;
    statuses.Put(std::make_shared<const jobs::JobStatus>(std::move(status)));
  }
  void Evict() {
    statuses.Evict(jobs::Time::min(),
                   {.jobs = 1'000'000, .bytes_per_backend = 3 * (kTextBytes + jobs::OnceMade::kMaxBytes) + 10'000},
                   [&](const jobs::JobStatus& status) { return kept.contains(status.job_id); });
  }
  std::vector<std::string> Ids() {
    std::vector<std::string> ids;
    for (const Snapshot& status : statuses.ChangedSince(0)) ids.push_back(status->job_id);
    return ids;
  }

  std::uint64_t revision = 0;
  std::set<std::string> kept;
  Statuses statuses;
};

TEST_F(StatusesInMemory, ForgetTheOldestFinishedOnesOfABackendThatTakesMoreThanItMay) {
  for (const char* id : {"1", "2", "3"}) Finished(id);
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(statuses.forgotten(), 0u);
  for (const char* id : {"4", "5"}) Finished(id);
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("3", "4", "5"));
  EXPECT_EQ(statuses.forgotten(), 2u);
  EXPECT_EQ(statuses.evicted_for_bytes(), 2u);
}

TEST_F(StatusesInMemory, OfOtherBackendsAreNotForgottenForIt) {
  Finished("other", "b");
  for (const char* id : {"1", "2", "3", "4", "5", "6"}) Finished(id);
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("other", "4", "5", "6"));
}

TEST_F(StatusesInMemory, AreCountedByWhatTheyHoldNotByTheirNumber) {
  Finished("big");
  for (int i = 0; i < 100; ++i) Finished("small " + std::to_string(i), "a", 0);
  Evict();
  EXPECT_EQ(Ids().size(), 101u);
  Finished("very big", "a", 3 * kTextBytes);
  Evict();
  EXPECT_THAT(Ids().size(), AllOf(Gt(1u), Lt(16u))) << "the newest of the small ones have room beside it";
  EXPECT_EQ(Ids().back(), "very big");
}

TEST_F(StatusesInMemory, OfUnfinishedJobsAreNeverForgotten) {
  for (int i = 0; i < 10; ++i) {
    jobs::JobStatus running{.job_id = "run " + std::to_string(i), .backend = "a", .state = jobs::JobState::kProcessing};
    running.progress.emplace().current_node.emplace().node_id = std::string(kTextBytes, 'x');
    Put(std::move(running));
  }
  Evict();
  EXPECT_EQ(Ids().size(), 10u);
  EXPECT_EQ(statuses.FinishedBytes("a"), 0u);
}

TEST_F(StatusesInMemory, ThatAreStillNeededStayWhileNewerOnesGo) {
  kept = {"1", "3"};
  for (const char* id : {"1", "2", "3", "4", "5"}) Finished(id);
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("1", "3", "5"));
  kept.clear();
  Finished("6");
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("3", "5", "6"));
}

TEST_F(StatusesInMemory, ThatAreNeededNoMoreGoThoughNothingWasAdded) {
  kept = {"1", "2", "3", "4"};
  for (const char* id : {"1", "2", "3", "4"}) Finished(id);
  Evict();
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("1", "2", "3", "4"));
  kept.clear();
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("2", "3", "4"));
}

TEST_F(StatusesInMemory, AreKnownWithTheirBackendWhateverTheOthersOfTheirIdAre) {
  Put({.job_id = "x", .backend = "a", .state = jobs::JobState::kLost, .observe_time = kNow});
  Put({.job_id = "x", .backend = "b", .state = jobs::JobState::kQueued});
  Put({.job_id = "x", .backend = "a", .state = jobs::JobState::kQueued});
  Put({.job_id = "x", .backend = "b", .state = jobs::JobState::kCompleted, .observe_time = kNow});
  EXPECT_EQ(statuses.size(), 2u);
  EXPECT_THAT(statuses.Unfinished("a"), ElementsAre("x"));
  EXPECT_THAT(statuses.Unfinished("b"), IsEmpty());
  EXPECT_EQ(statuses.FinishedBytes("a"), 0u) << "it was lost, and is there again";
  EXPECT_GT(statuses.FinishedBytes("b"), 0u);
  statuses.Evict(jobs::Time::max(), {}, [](const jobs::JobStatus&) { return false; });
  EXPECT_EQ(statuses.Find("x", "")->backend, "a");
  EXPECT_FALSE(statuses.Find("x", "b"));
}

TEST_F(StatusesInMemory, ThatComeOutOfTheArchiveStandWhereTheyWereTold) {
  revision = 10;
  Finished("new");
  revision = 5;
  Finished("old");
  EXPECT_THAT(Ids(), ElementsAre("old", "new"));
  statuses.Evict(jobs::Time::min(), {.jobs = 1, .bytes_per_backend = 10 * kTextBytes},
                 [](const jobs::JobStatus&) { return false; });
  EXPECT_THAT(Ids(), ElementsAre("new"));
}

TEST_F(StatusesInMemory, ThatAreNeededForLongDoNotHideWhatIsNotAndAreNotAllWalkedPastAtOnce) {
  for (int i = 0; i < 1000; ++i) Finished(std::to_string(i));
  for (int i = 0; i < 1000; ++i) {
    if (i != 990) kept.insert(std::to_string(i));
  }
  int evictions = 0;
  for (; evictions < 1000 && statuses.Find("990", ""); ++evictions) Evict();
  EXPECT_FALSE(statuses.Find("990", ""));
  EXPECT_GT(evictions, 10);
  EXPECT_EQ(statuses.size(), 999u);
  kept.clear();
  Evict();
  Evict();
  EXPECT_THAT(Ids(), ElementsAre("997", "998", "999")) << "from the oldest on, though the last walk had come further";
}

TEST_F(StatusesInMemory, TakeNothingOnceTheyAreForgotten) {
  Finished("1");
  EXPECT_GE(statuses.FinishedBytes("a"), kTextBytes);
  Finished("1");
  EXPECT_LT(statuses.FinishedBytes("a"), 2 * kTextBytes) << "the newer is in the place of the older";
  statuses.Evict(jobs::Time::max(), {}, [](const jobs::JobStatus&) { return false; });
  EXPECT_THAT(Ids(), IsEmpty());
  EXPECT_EQ(statuses.FinishedBytes("a"), 0u);
}

}  // namespace
}  // namespace board
