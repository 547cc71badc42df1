#include "app/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/log_budget.h"

namespace app {
namespace {

using namespace std::chrono_literals;
using testing::Optional;

class ALogBudget : public testing::Test {
 protected:
  LogBudget budget{3, 2};
  jobs::Steady now{1h};
};

TEST_F(ALogBudget, AllowsSomeLinesAtOnceAndLeavesOutTheRest) {
  for (int i = 0; i < 3; ++i) EXPECT_THAT(budget.Take("fire", now), Optional(0));
  EXPECT_EQ(budget.Take("fire", now), std::nullopt);
}

TEST_F(ALogBudget, AllowsSoManyASecondAfterwardsAndTellsHowManyWereLeftOut) {
  for (int i = 0; i < 7; ++i) budget.Take("fire", now);
  EXPECT_EQ(budget.Take("fire", now + 499ms), std::nullopt);
  EXPECT_THAT(budget.Take("fire", now + 500ms), Optional(5));
  EXPECT_EQ(budget.Take("fire", now + 501ms), std::nullopt);
  EXPECT_THAT(budget.Take("fire", now + 1s), Optional(1));
}

TEST_F(ALogBudget, SavesUpNoMoreThanItAllowsAtOnce) {
  for (int i = 0; i < 3; ++i) budget.Take("fire", now);
  now += 1h;
  for (int i = 0; i < 3; ++i) EXPECT_THAT(budget.Take("fire", now), Optional(0));
  EXPECT_EQ(budget.Take("fire", now), std::nullopt);
}

TEST_F(ALogBudget, OfOneKindDoesNotDrownAnother) {
  for (int i = 0; i < 100; ++i) budget.Take("fire", now);
  EXPECT_THAT(budget.Take("flood", now), Optional(0));
}

TEST(JsonMembers, AreTheEventTheSentenceAndWhatFieldsHaveAValue) {
  EXPECT_EQ(JsonMembers("backend_failed", "it is away", {{"backend", "gpu"}, {"job_id", ""}}, 0),
            R"("event":"backend_failed","message":"it is away","backend":"gpu")");
}

TEST(JsonMembers, TellHowManyLinesWereLeftOut) {
  EXPECT_EQ(JsonMembers("e", "s", {}, 12), R"("event":"e","message":"s","left_out":12)");
}

TEST(JsonMembers, StayOneObjectWhateverIsInThem) {
  EXPECT_EQ(JsonMembers("e", "\"\\\n\x1b[31m\x7f ü \"},{", {{"a\"", "\t"}}, 0),
            "\"event\":\"e\",\"message\":\"\\\"\\\\\\u000a\\u001b[31m\x7f ü \\\"},{\",\"a\\\"\":\"\\u0009\"");
}

}  // namespace
}  // namespace app
