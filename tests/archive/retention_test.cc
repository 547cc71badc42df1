#include <gmock/gmock.h>

#include <atomic>

#include "archive/played_board.h"

namespace archive_test {
namespace {

using namespace std::chrono_literals;
using jobs::JobState;
using testing::ElementsAre;
using testing::IsEmpty;

class RetentionTest : public WithArchive {
 protected:
  // Opens, and returns the ids that are there once it has kept house.
  std::vector<std::string> AfterHousekeeping() {
    EXPECT_EQ(Open(), "");
    Start();
    // It keeps house after it has written, so behind this it has done so once.
    Write({Status("marker", JobState::kQueued)});
    archive->Wake();
    archive->Stop();
    EXPECT_EQ(Open(), "");
    return Ids(ListAll({.limit = 10'000}));
  }
  jobs::JobStatus Ended(const std::string& id, std::uint64_t revision, jobs::Time observed) {
    jobs::JobStatus status = Status(id, JobState::kCompleted, revision);
    status.observe_time = observed;
    return status;
  }
};

TEST_F(RetentionTest, ForgetsWhatIsOlderThanItKeeps) {
  retention.keep = 24h;
  ASSERT_EQ(Open(), "");
  Start();
  Write({Ended("a", 1, kNow - 25h), Ended("b", 2, kNow - 24h - 1s), Ended("c", 3, kNow - 24h), Ended("d", 4, kNow)});
  EXPECT_THAT(AfterHousekeeping(), ElementsAre("d", "c"));
  now = kNow + 1s;
  EXPECT_THAT(AfterHousekeeping(), ElementsAre("d"));
  now = kNow + 48h;
  EXPECT_THAT(AfterHousekeeping(), IsEmpty());
}

TEST_F(RetentionTest, ForgetsTheOldestOfWhatIsMoreThanItKeeps) {
  retention.max_jobs = 3;
  ASSERT_EQ(Open(), "");
  Start();
  for (std::uint64_t i = 1; i <= 5; ++i) Write({Ended(std::to_string(i), i, kNow)});
  EXPECT_THAT(AfterHousekeeping(), ElementsAre("5", "4", "3"));
}

TEST_F(RetentionTest, ForgetsManyAFewAtATime) {
  retention.max_jobs = 100;
  ASSERT_EQ(Open(), "");
  Start();
  std::vector<jobs::JobStatus> many;
  for (std::uint64_t i = 1; i <= 3000; ++i) many.push_back(Ended(std::to_string(i), i, kNow));
  Write(many);
  while (ListAll({.limit = 10'000}).value().size() > 101) archive->Wake();
  EXPECT_EQ(ListAll({.limit = 1}).value().at(0)->job_id, "3000");
}

TEST_F(RetentionTest, KeepsUnfinishedJobsOfItsBackendsForEverAndOthersAsLongAsVerdicts) {
  retention.keep = 24h;
  const std::vector<jobs::BackendName> both = {{"gpu", "http://gpu"}, {"old", "http://old"}};
  ASSERT_EQ(Open(both), "");
  Start();
  Write({Status("x", JobState::kQueued), Status("y", JobState::kQueued, 0, "old")});
  now = kNow + 23h;
  ASSERT_EQ(Open(), "");
  EXPECT_EQ(archive->remembered().unfinished.size(), 2u);
  now = kNow + 25h;
  ASSERT_EQ(Open(), "");
  ASSERT_EQ(archive->remembered().unfinished.size(), 1u);
  EXPECT_EQ(archive->remembered().unfinished[0].job_id, "x");
}

}  // namespace
}  // namespace archive_test
