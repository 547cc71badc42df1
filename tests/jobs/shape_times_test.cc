#include "jobs/shape_times.h"

#include <gtest/gtest.h>

namespace jobs {
namespace {

RunPlan Plan(std::uint64_t shape, double work = 0) {
  return {.shape = shape, .scalable_shape = 1, .cost_shape = 1, .work = work};
}

TEST(ShapeTimes, OfTheSameShapeAreTheirMedian) {
  ShapeTimes times;
  EXPECT_FALSE(times.OfShape(Plan(1)));
  for (const double time : {10.0, 11.0, 9.0, 10.0, 500.0}) times.Add(Plan(1), time);
  EXPECT_EQ(times.OfShape(Plan(1))->time, 10);
  EXPECT_EQ(times.OfShape(Plan(1))->runs, 5u);
}

TEST(ShapeTimes, OfOtherWorkFollowTheLineThatOutliersDoNotBend) {
  ShapeTimes times;
  for (const double work : {10.0, 20.0, 40.0, 20.0}) times.Add(Plan(1, work), 3 + 2 * work);
  times.Add(Plan(1, 30), 1000);
  EXPECT_NEAR(*times.Scaled(Plan(2, 60)), 123, 1e-6);
  EXPECT_NEAR(*times.Scaled(Plan(2, 1)), 5, 1e-6);
}

TEST(ShapeTimes, OfOneWorkGrowWithMostOfThemselves) {
  ShapeTimes times;
  times.Add(Plan(1, 10), 10);
  EXPECT_DOUBLE_EQ(*times.Scaled(Plan(2, 20)), 18);
  EXPECT_DOUBLE_EQ(*times.Scaled(Plan(2, 0)), 10) << "no work is known: as it was";
}

TEST(ShapeTimes, OfAnyRunsNeedThree) {
  ShapeTimes times;
  times.AddUnknown(10);
  times.AddUnknown(20);
  EXPECT_FALSE(times.OfAny());
  times.Add(Plan(1), 12);
  EXPECT_EQ(times.OfAny(), 12);
}

TEST(ShapeTimes, RememberABoundedNumberOfShapes) {
  ShapeTimes times;
  for (std::uint64_t shape = 0; shape < ShapeTimes::kMaxShapes + 10; ++shape) times.Add(Plan(shape), 1);
  EXPECT_EQ(times.size(), ShapeTimes::kMaxShapes);
  EXPECT_FALSE(times.OfShape(Plan(0)));
  EXPECT_TRUE(times.OfShape(Plan(ShapeTimes::kMaxShapes)));
}

}  // namespace
}  // namespace jobs
