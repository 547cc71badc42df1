#include "target.h"

#include <gtest/gtest.h>

namespace jobstatus {
namespace {

TEST(Target, GetsTheServicesPortWhereNoneIsGiven) {
  EXPECT_EQ(CompleteTarget("localhost"), "localhost:50051");
  EXPECT_EQ(CompleteTarget("10.0.0.7"), "10.0.0.7:50051");
  EXPECT_EQ(CompleteTarget("[::1]"), "[::1]:50051");
  EXPECT_EQ(CompleteTarget("fe80::2"), "[fe80::2]:50051");
}

TEST(Target, IsLeftAloneWhenItIsComplete) {
  for (const char* const target : {"localhost:7", "[::1]:7", "unix:/run/jobstatus.sock", "unix:///run/jobstatus.sock",
                                   "dns:///gpu:7", "ipv4:127.0.0.1:7", "unix-abstract:jobstatus"}) {
    EXPECT_EQ(CompleteTarget(target), target);
  }
}

}  // namespace
}  // namespace jobstatus
