#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <thread>

#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

// The one test of speed: it guards IdleNapGuard, without which the first call after a quiet second takes 50 to 100 ms.
TEST(IdleNap, IsNotTakenSoTheFirstCallAfterAQuietSecondIsAnsweredAtOnce) {
  Served served;
  served.Observe(Queue({"a"}, {}));
  ASSERT_TRUE(served.Get("a").status.ok());
  std::array<std::chrono::steady_clock::duration, 3> took{};
  for (auto& one : took) {
    std::this_thread::sleep_for(1050ms);
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(served.Get("a").status.ok());
    one = std::chrono::steady_clock::now() - begin;
  }
  std::ranges::sort(took);
  EXPECT_LT(took[1], 20ms);
}

}  // namespace
