#include "jobs/estimate.h"

#include <gtest/gtest.h>

namespace jobs {
namespace {

using namespace std::chrono_literals;

const Time kNow{1'700'000'000s};

TEST(Estimates, HoldStillWhileTheyAreNearlyRight) {
  const Estimate old{kNow + 100s, kNow + 90s, kNow + 110s};
  const Estimate near{kNow + 105s, kNow + 95s, kNow + 112s};
  const Estimate far{kNow + 150s, kNow + 140s, kNow + 160s};
  EXPECT_EQ(Settle(old, near, kNow), old);
  EXPECT_EQ(Settle(old, far, kNow), far);
  EXPECT_EQ(Settle(std::nullopt, near, kNow), near);
  EXPECT_EQ(Settle(old, std::nullopt, kNow), std::nullopt);
}

TEST(Estimates, HoldWhileTheBandIsOffByAQuarterOfItself) {
  const Estimate old{kNow + 100s, kNow + 40s, kNow + 200s};
  EXPECT_EQ(Settle(old, Estimate{kNow + 101s, kNow + 75s, kNow + 170s}, kNow), old);
  const Estimate narrower{kNow + 101s, kNow + 85s, kNow + 170s};
  EXPECT_EQ(Settle(old, narrower, kNow), narrower);
}

TEST(Estimates, DoNotHoldOnceTheyShouldHaveEnded) {
  const Estimate old{kNow + 100s, kNow + 90s, kNow + 110s};
  const Estimate later{kNow + 100s + 500ms, kNow + 90s, kNow + 110s};
  EXPECT_EQ(Settle(old, later, kNow + 99s), old);
  EXPECT_EQ(Settle(old, later, kNow + 100s), later);
}

}  // namespace
}  // namespace jobs
