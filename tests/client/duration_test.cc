#include "cli/duration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jobstatus::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Duration, IsAWholeNumberAndAUnit) {
  EXPECT_EQ(ParseDuration("500ms"), 500ms);
  EXPECT_EQ(ParseDuration("0s"), 0s);
  EXPECT_EQ(ParseDuration("30s"), 30s);
  EXPECT_EQ(ParseDuration("10m"), 10min);
  EXPECT_EQ(ParseDuration("2h"), 2h);
  EXPECT_EQ(ParseDuration("365d"), 365 * 24h);
}

TEST(Duration, RefusesAnythingElseAndSaysWhatItWants) {
  for (const char* const text : {"", "s", "10", "-1s", "+1s", " 1s", "1s ", "1 s", "1.5h", "1h30m", "1S", "0x1s", "1µs",
                                 "99999999999999999999s", "366d", "9223372036854775807h"}) {
    const auto duration = ParseDuration(text);
    ASSERT_FALSE(duration.has_value()) << text;
    EXPECT_THAT(duration.error(), HasSubstr("like 500ms, 30s, 10m or 2h"));
    EXPECT_THAT(duration.error(), HasSubstr("\"" + std::string(text) + "\""));
  }
  EXPECT_THAT(ParseDuration("10").error(), HasSubstr("has no unit"));
  EXPECT_THAT(ParseDuration("366d").error(), HasSubstr("longer than a year"));
}

TEST(Duration, IsWrittenTheWayItIsRead) {
  for (const char* const text : {"1ms", "1500ms", "90s", "10m", "3h", "2d"})
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
  EXPECT_EQ(FormatDuration(0ms), "0s");
}

}  // namespace
}  // namespace jobstatus::cli
