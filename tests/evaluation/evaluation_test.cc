#include <gtest/gtest.h>

#include "evaluation/report.h"
#include "evaluation/simulated_days.h"

namespace evaluation {
namespace {

Score ScoreOf(const Replayed& replayed, const std::string& situation) {
  for (const Score& score : ScoresOf(replayed.asked)) {
    if (score.situation == situation) return score;
  }
  return {};
}

Replayed ADayOfWhich(double heard) {
  return Replay(Simulate({.seed = 7, .days = 1, .heard = heard}), 10);
}

TEST(TimeRemaining, OfRunningJobsIsMuchNearerTheTruthThanTheNaiveRule) {
  const Score score = ScoreOf(ADayOfWhich(1), "all that run");
  EXPECT_GT(score.asked, 1000);
  EXPECT_GT(score.answered, 0.98);
  EXPECT_LT(*score.error_shared, *score.naive / 5);
  EXPECT_LT(*score.error, 0.05);
  EXPECT_GT(*score.inside, 0.70);
  EXPECT_LT(*score.inside, 0.92);
}

TEST(TimeRemaining, IsThereForWaitingJobsToo) {
  const Score score = ScoreOf(ADayOfWhich(1), "all that wait");
  EXPECT_GT(score.asked, 200);
  EXPECT_GT(score.answered, 0.95);
  EXPECT_LT(*score.error, 0.10);
  EXPECT_GT(*score.inside, 0.65);
  EXPECT_LT(*score.inside, 0.95);
}

TEST(TimeRemaining, NeedsNoEvents) {
  const Replayed day = ADayOfWhich(0);
  for (const char* situation : {"all that wait", "all that run"}) {
    const Score score = ScoreOf(day, situation);
    EXPECT_GT(score.answered, 0.95) << situation;
    EXPECT_LT(*score.error, 0.20) << situation;
    EXPECT_GT(*score.inside, 0.60) << situation;
    EXPECT_LT(*score.inside, 0.95) << situation;
  }
}

TEST(TimeRemaining, SeldomGoesBackAndForth) {
  const Steadiness steadiness = Replay(Simulate({.seed = 7, .days = 0.5}), 1).steadiness;
  EXPECT_LT(steadiness.waiting.turns, steadiness.jobs / 2);
  EXPECT_LT(steadiness.running.turns, steadiness.naive.turns / 2);
}

TEST(SimulatedDays, AreTheSameForTheSameSeed) {
  const auto once = Simulate({.seed = 3, .days = 0.2});
  const auto again = Simulate({.seed = 3, .days = 0.2});
  ASSERT_EQ(once.size(), again.size());
  EXPECT_EQ(once.back().ended, again.back().ended);
  EXPECT_NE(once.front().ended, Simulate({.seed = 4, .days = 0.2}).front().ended);
}

}  // namespace
}  // namespace evaluation
