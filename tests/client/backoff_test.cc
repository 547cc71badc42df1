#include "jobstatus/backoff.h"

#include <gtest/gtest.h>

namespace jobstatus {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr BackoffSettings kSettings{.initial = 100ms, .max = 1'000ms, .multiplier = 3};

Backoff WithChance(double chance) {
  return Backoff(kSettings, [chance] { return chance; });
}

TEST(Backoff, GrowsByItsMultiplierUpToItsMaximum) {
  Backoff backoff = WithChance(1);
  EXPECT_EQ(backoff.Next({}), 100ms);
  EXPECT_EQ(backoff.Next({}), 300ms);
  EXPECT_EQ(backoff.Next({}), 900ms);
  EXPECT_EQ(backoff.Next({}), 1'000ms);
  EXPECT_EQ(backoff.Next({}), 1'000ms);
}

TEST(Backoff, ChanceTakesAtMostHalfOfAStep) {
  Backoff backoff = WithChance(0);
  EXPECT_EQ(backoff.Next({}), 50ms);
  EXPECT_EQ(backoff.Next({}), 150ms);
}

TEST(Backoff, StartsOverAfterAReset) {
  Backoff backoff = WithChance(1);
  backoff.Next({});
  backoff.Next({});
  backoff.Reset();
  EXPECT_EQ(backoff.Next({}), 100ms);
}

TEST(Backoff, WaitsAtLeastAsLongAsTheServiceAskedFor) {
  EXPECT_EQ(WithChance(0).Next(5'000ms), 5'000ms);
}

TEST(Backoff, SpreadsWhatTheServiceAskedForByAQuarter) {
  EXPECT_EQ(WithChance(1).Next(4'000ms), 5'000ms);
}

TEST(Backoff, DoesNotWaitLessThanItsOwnStepWhenTheServiceAsksForLittle) {
  EXPECT_EQ(WithChance(1).Next(1ms), 100ms);
}

}  // namespace
}  // namespace jobstatus
