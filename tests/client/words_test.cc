#include "cli/words.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace jobstatus::cli {
namespace {

using namespace comfyui::jobstatus::v1;
using namespace std::chrono_literals;

TEST(Words, CountPlacesInTheQueue) {
  const auto place = [](int position, int size) {
    QueuePlace queue;
    queue.set_position(position);
    queue.set_size(size);
    return PlaceInQueue(queue);
  };
  EXPECT_EQ(place(1, 1), "1st of 1");
  EXPECT_EQ(place(2, 7), "2nd of 7");
  EXPECT_EQ(place(3, 7), "3rd of 7");
  EXPECT_EQ(place(11, 20), "11th of 20");
  EXPECT_EQ(place(112, 120), "112th of 120");
  EXPECT_EQ(place(2147483647, 2147483647), "2147483647th of 2147483647");
}

TEST(Words, AreAsVagueAsAnEstimate) {
  EXPECT_EQ(TimeLeft(-5s), "a few seconds left");
  EXPECT_EQ(TimeLeft(9s), "a few seconds left");
  EXPECT_EQ(TimeLeft(38s), "about 40 s left");
  EXPECT_EQ(TimeLeft(55s), "about 1 min left");
  EXPECT_EQ(TimeLeft(130s), "about 2 min left");
  EXPECT_EQ(TimeLeft(80min), "about 1 h 20 min left");
  EXPECT_EQ(TimeLeft(48h), "more than a day left");
  EXPECT_EQ(TimeLeft(std::chrono::seconds(315'576'000'000)), "more than a day left");
}

TEST(Words, ReadAStopwatch) {
  EXPECT_EQ(Stopwatch(0s), "0:00");
  EXPECT_EQ(Stopwatch(42s), "0:42");
  EXPECT_EQ(Stopwatch(3723s), "1:02:03");
  EXPECT_EQ(Stopwatch(-1s), "0:00");
}

TEST(Words, RoundPercentagesDown) {
  EXPECT_EQ(WholePercent(0), 0);
  EXPECT_EQ(WholePercent(99.99), 99);
  EXPECT_EQ(WholePercent(100), 100);
  EXPECT_EQ(WholePercent(1e300), 100);
  EXPECT_EQ(WholePercent(-3), 0);
  EXPECT_EQ(WholePercent(std::numeric_limits<double>::infinity()), 100);
  EXPECT_EQ(WholePercent(std::nan("")), 0);
}

TEST(Words, GiveTimesInUtc) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(UtcTime(time), "-");
  time.set_seconds(1'700'000'000);
  time.set_nanos(250'000'000);
  EXPECT_EQ(UtcTime(time), "2023-11-14T22:13:20.250Z");
  time.set_seconds(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(UtcTime(time), "-");
}

TEST(Words, SayHowLongAgoItWas) {
  constexpr std::int64_t kNow = 1'700'000'000;
  const auto ago = [](std::int64_t seconds) {
    google::protobuf::Timestamp time;
    time.set_seconds(kNow - seconds);
    return Ago(time, std::chrono::system_clock::from_time_t(kNow));
  };
  setenv("TZ", "UTC-1", 1);  // which is an hour ahead
  tzset();
  EXPECT_EQ(ago(0), "0s ago");
  EXPECT_EQ(ago(59), "59s ago");
  EXPECT_EQ(ago(60), "1m ago");
  EXPECT_EQ(ago(3'599), "59m ago");
  EXPECT_EQ(ago(3'600), "1h ago");
  EXPECT_EQ(ago(86'399), "23h ago");
  EXPECT_EQ(ago(86'400), "2023-11-13 23:13");
  EXPECT_EQ(ago(-30), "0s ago") << "clocks differ a bit";
  EXPECT_EQ(ago(-3'600), "2023-11-15 00:13") << "but not by an hour";
  EXPECT_EQ(ago(kNow), "-");
  EXPECT_EQ(ago(std::numeric_limits<std::int64_t>::min() + kNow + 1), "-");
  unsetenv("TZ");
  tzset();
}

TEST(Words, NameTheStates) {
  for (int number = JOB_STATE_QUEUED; number <= JOB_STATE_LOST; ++number) {
    const auto state = static_cast<JobState>(number);
    EXPECT_EQ(StateOfName(StateName(state)), state);
  }
  EXPECT_EQ(StateName(static_cast<JobState>(99)), "unknown");
  EXPECT_FALSE(StateOfName("unknown").has_value());
}

}  // namespace
}  // namespace jobstatus::cli
