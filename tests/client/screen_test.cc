#include "cli/screen.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <limits>

#include "cli/text.h"
#include "client/make.h"

namespace jobstatus::cli {
namespace {

using namespace comfyui::jobstatus::v1;
using namespace std::chrono_literals;
using google::protobuf::util::TimeUtil;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr Time kReceived{1'000s};
constexpr Style kUnicode{.unicode = true};

JobView View(JobStatus status) {
  return {.status = std::move(status), .received = kReceived, .processing_since = kReceived};
}

JobStatus WithEstimate(JobStatus status, std::int64_t seconds) {
  *status.mutable_estimated_time_remaining() = TimeUtil::SecondsToDuration(seconds);
  return status;
}

std::vector<std::string> Render(const std::vector<JobView>& jobs, ScreenSize size, Time now = kReceived,
                                const Style& style = kUnicode) {
  return RenderScreen(jobs, now, size, style);
}

TEST(Screen, ShowsRunningJobsAboveQueuedOnesInTheirOrder) {
  EXPECT_THAT(Render({View(WithEstimate(MakeQueued("c", 2, 2), 130)), View(MakeQueued("b", 1, 2)),
                      View(WithEstimate(MakeProcessing("a", 48.9), 38))},
                     {.width = 79, .height = 10}),
              ElementsAre("a       processing  ███████░░░░░░░░  48%  KSampler 12/20 · about 40 s left",
                          "b       queued      1st of 2",  //
                          "c       queued      2nd of 2 · about 2 min left"));
}

TEST(Screen, FitsAWideTerminal) {
  EXPECT_THAT(
      Render({View(MakeProcessing("3f2a8b1c-0000-4000-8000-00805f9b34fb", 50))}, {.width = 120, .height = 10}),
      ElementsAre("3f2a8b1c-0000-4000-8000-00805f9b34fb  processing  ████████████░░░░░░░░░░░░  50%  KSampler 12/20"));
}

TEST(Screen, ShortensIdsWhereThereIsLittleRoom) {
  EXPECT_THAT(Render({View(MakeProcessing("3f2a8b1c-0000-4000-8000-00805f9b34fb", 50))}, {.width = 60, .height = 10}),
              ElementsAre("3f2a8b1c-0…34fb  processing  ██████░░░░░░  50%  KSampler 12/"));
}

TEST(Screen, LeavesTheBarOutOfANarrowTerminal) {
  EXPECT_THAT(Render({View(MakeProcessing("abcdefghijklmnop", 50))}, {.width = 36, .height = 10}),
              ElementsAre("abcdef…op  processing   50%  KSample"));
}

TEST(Screen, DoesWithoutUnicode) {
  EXPECT_THAT(
      Render({View(WithEstimate(MakeProcessing("a", 50), 38))}, {.width = 79, .height = 10}, kReceived, Style{}),
      ElementsAre("a       processing  [######-------]  50%  KSampler 12/20, about 40 s left"));
}

TEST(Screen, CountsTimeBetweenMessages) {
  const std::vector<JobView> jobs = {View(WithEstimate(MakeProcessing("a", 50), 120)),
                                     View(MakeStatus("b", JOB_STATE_PROCESSING))};
  EXPECT_THAT(Render(jobs, {.width = 79, .height = 10}, kReceived + 65s),
              ElementsAre("a       processing  ███████░░░░░░░░  50%  KSampler 12/20 · about 1 min left",
                          "b       processing  ░░░░░░░░░░░███░ 1:05"));
}

TEST(Screen, MovesTheMarkOfAJobWithoutProgressToAndFro) {
  const std::vector<JobView> jobs = {View(MakeStatus("b", JOB_STATE_PROCESSING))};
  const auto at = [&](std::chrono::milliseconds elapsed) {
    return Render(jobs, {.width = 60, .height = 9}, kReceived + elapsed)[0];
  };
  EXPECT_THAT(at(0ms), HasSubstr("███░░░░░░░░░ 0:00"));
  EXPECT_THAT(at(200ms), HasSubstr("░███░░░░░░░░"));
  EXPECT_THAT(at(1800ms), HasSubstr("░░░░░░░░░███ 0:01"));
  EXPECT_THAT(at(2000ms), HasSubstr("░░░░░░░░███░"));
  EXPECT_THAT(at(3600ms), HasSubstr("███░░░░░░░░░ 0:03"));
}

TEST(Screen, TakesTheStartFromComfyUiWhereItTellsIt) {
  JobStatus status = MakeStatus("b", JOB_STATE_PROCESSING);
  *status.mutable_start_time() = status.observe_time();
  status.mutable_start_time()->set_seconds(status.start_time().seconds() - 100);
  EXPECT_THAT(Render({View(status)}, {.width = 79, .height = 9}, kReceived + 5s)[0], HasSubstr("1:45"));
}

TEST(Screen, MarksStaleJobsAndDropsTheirEstimate) {
  JobStatus status = WithEstimate(MakeQueued("a", 3, 7), 130);
  status.set_stale(true);
  EXPECT_THAT(Render({View(status)}, {.width = 79, .height = 9}), ElementsAre("a       queued      stale  3rd of 7"));
}

TEST(Screen, NamesBackendsWhenThereAreSeveral) {
  JobStatus other = MakeQueued("b", 1, 1);
  other.set_backend("cpu");
  EXPECT_THAT(Render({View(MakeQueued("a", 1, 1)), View(other)}, {.width = 79, .height = 9}),
              ElementsAre("b       queued      1st of 1  on cpu", "a       queued      1st of 1  on gpu"));
}

TEST(Screen, CountsTheJobsItHasNoRoomFor) {
  std::vector<JobView> jobs;
  for (int i = 1; i <= 14; ++i) jobs.push_back(View(MakeQueued("q" + std::to_string(i), i, 14)));
  for (int i = 0; i < 3; ++i) jobs.push_back(View(MakeProcessing("p" + std::to_string(i), 1)));
  EXPECT_THAT(Render(jobs, {.width = 79, .height = 17}), SizeIs(17));
  EXPECT_THAT(Render(jobs, {.width = 79, .height = 6}),
              ElementsAre(HasSubstr("p0"), HasSubstr("p1"), HasSubstr("p2"), HasSubstr("q1"), HasSubstr("q2"),
                          "… and 12 more queued"));
  EXPECT_THAT(Render(jobs, {.width = 79, .height = 2}),
              ElementsAre(HasSubstr("p0"), "… and 2 more processing, 14 more queued"));
  EXPECT_THAT(Render(jobs, {.width = 79, .height = 1}), ElementsAre("… and 3 more processing, 14 more queued"));
  EXPECT_THAT(Render(jobs, {.width = 79, .height = 0}), SizeIs(0));
}

TEST(Screen, NeverGetsWiderThanTheTerminal) {
  JobStatus odd = MakeProcessing(std::string(256, 'x'), 1e308);
  odd.mutable_progress()->mutable_current_node()->set_node_type("ノード" + std::string(300, 'n'));
  odd.mutable_progress()->mutable_current_node()->set_current_step(std::numeric_limits<std::int64_t>::max());
  odd.mutable_progress()->mutable_current_node()->set_total_steps(std::numeric_limits<std::int64_t>::max());
  JobStatus unicode = MakeQueued("日本語のとても長い識別子です日本語", 2'000'000'000, 2'000'000'000);
  for (std::size_t width = 0; width < 200; ++width) {
    for (const std::string& line : Render({View(odd), View(unicode), View(MakeStatus("p", JOB_STATE_PROCESSING))},
                                          {.width = width, .height = 3})) {
      EXPECT_LE(DisplayWidth(line), width) << line;
    }
  }
}

TEST(Screen, LetsNoControlCharacterThroughButItsOwnColors) {
  JobStatus status = MakeProcessing("a\x1b[2J\n\u202e", 50);
  status.mutable_progress()->mutable_current_node()->set_node_type("K\x1b]0;owned\x07");
  const std::string plain = Render({View(status)}, {.width = 150, .height = 3})[0];
  EXPECT_THAT(plain, Not(HasSubstr("\x1b")));
  EXPECT_THAT(plain, Not(HasSubstr("\n")));
  EXPECT_THAT(plain, HasSubstr("a\\x1b[2J\\x0a\\u{202e}"));
  EXPECT_THAT(plain, HasSubstr("K\\x1b]0;owned\\x07"));
}

TEST(Screen, ColorsWithoutChangingTheWidth) {
  const std::string line = Render({View(MakeProcessing("a", 50))}, {.width = 40, .height = 3}, kReceived,
                                  {.color = true, .unicode = true})[0];
  EXPECT_EQ(line, "a       \x1b[36mprocessing  \x1b[0m\x1b[1m 50%\x1b[0m  KSampler 12/20");
}

}  // namespace
}  // namespace jobstatus::cli
