#include "jobs/histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace jobs {
namespace {

using testing::ElementsAre;

constexpr std::array kEnds = {Duration(10), Duration(100)};

TEST(Histogram, CountsADurationInTheRangeThatEndsWithIt) {
  Histogram histogram(kEnds);
  for (const int duration : {0, 10, 11, 100, 101, 5'000}) histogram.Add(Duration(duration));
  const auto read = histogram.Read();
  EXPECT_THAT(read.ends, ElementsAre(Duration(10), Duration(100)));
  EXPECT_THAT(read.counts, ElementsAre(2, 2, 2));
  EXPECT_EQ(read.sum, Duration(5'222));
}

TEST(Histogram, LosesNothingThatSeveralThreadsAdd) {
  Histogram histogram(kEnds);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < 10'000; ++n) histogram.Add(Duration(1));
      });
    }
  }
  EXPECT_THAT(histogram.Read().counts, ElementsAre(40'000, 0, 0));
  EXPECT_EQ(histogram.Read().sum, Duration(40'000));
}

}  // namespace
}  // namespace jobs
