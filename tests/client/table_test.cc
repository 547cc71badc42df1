#include "cli/table.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "cli/text.h"
#include "client/make.h"

namespace jobstatus::cli {
namespace {

using namespace comfyui::jobstatus::v1;
using google::protobuf::util::TimeUtil;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::int64_t kNow = 1'700'000'000;
constexpr Style kUncut{.width = std::numeric_limits<std::size_t>::max(), .unicode = true};

google::protobuf::Timestamp Before(std::int64_t seconds) {
  return TimeUtil::SecondsToTimestamp(kNow - seconds);
}

JobStatus Ended(JobStatus status, std::int64_t seconds_ago) {
  *status.mutable_end_time() = Before(seconds_ago);
  return status;
}

JobStatus WithEstimate(JobStatus status, std::int64_t seconds) {
  *status.mutable_estimated_time_remaining() = TimeUtil::SecondsToDuration(seconds);
  return status;
}

std::vector<std::string> Rows(Table& table, const std::vector<JobStatus>& jobs, const Style& style = kUncut) {
  const google::protobuf::RepeatedPtrField<JobStatus> statuses(jobs.begin(), jobs.end());
  std::istringstream text(table.Rows(statuses, std::chrono::system_clock::from_time_t(kNow), style));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> Rows(const std::vector<JobStatus>& jobs, const Style& style = kUncut) {
  Table table;
  return Rows(table, jobs, style);
}

TEST(Table, HasARowForEachJobUnderItsHeader) {
  JobStatus processing = WithEstimate(MakeProcessing("skyline", 60), 170);
  *processing.mutable_start_time() = Before(42);
  JobStatus queued = MakeQueued("harbour", 2, 7);
  *queued.mutable_create_time() = Before(300);
  EXPECT_THAT(
      Rows({processing, queued, Ended(MakeFailed("poster"), 3 * 60), Ended(MakeCompleted("portrait"), 2 * 3600)}),
      ElementsAre("JOB       STATE       WHEN     MESSAGE",  //
                  "skyline   processing  42s ago  60% KSampler 12/20 · about 3 min left",
                  "harbour   queued      5m ago   2nd of 7",
                  "poster    failed      3m ago   in VAEDecode: out of memory",
                  "portrait  completed   2h ago   1 output"));
}

TEST(Table, NamesTheBackendsOnDemand) {
  Style style = kUncut;
  style.name_backend = true;
  EXPECT_THAT(Rows({Ended(MakeCompleted("j1"), 5)}, style), ElementsAre("JOB  BACKEND  STATE      WHEN    MESSAGE",  //
                                                                        "j1   gpu      completed  5s ago  1 output"));
}

TEST(Table, IsItsHeaderWhenThereAreNoJobs) {
  EXPECT_THAT(Rows({}), ElementsAre("JOB  STATE  WHEN  MESSAGE"));
}

TEST(Table, PutsADashWhereNothingIsKnown) {
  EXPECT_THAT(Rows({MakeStatus("j1", JOB_STATE_PROCESSING), MakeCompleted("j2")}),
              ElementsAre(StartsWith("JOB"), "j1   processing  -     -", "j2   completed   -     1 output"));
}

TEST(Table, TellsWhenALostJobWasFoundToBeLost) {
  JobStatus lost = MakeStatus("j1", JOB_STATE_LOST);
  lost.set_message("lost: ComfyUI restarted and forgot the job");
  EXPECT_THAT(Rows({lost})[1], testing::EndsWith("lost   0s ago  ComfyUI restarted and forgot the job"));
}

TEST(Table, MarksStaleJobsAndDropsTheirEstimate) {
  JobStatus status = WithEstimate(MakeQueued("j1", 3, 7), 130);
  status.set_stale(true);
  JobStatus without_place = MakeStatus("j2", JOB_STATE_PROCESSING);
  without_place.set_message("processing (as last seen: ComfyUI cannot be reached)");
  without_place.set_stale(true);
  EXPECT_THAT(Rows({status, without_place}), ElementsAre(StartsWith("JOB"), "j1   queued      -     stale · 3rd of 7",
                                                         "j2   processing  -     stale"));
}

TEST(Table, AlignsByTheColumnsThatATerminalShows) {
  EXPECT_THAT(Rows({MakeQueued("日本語", 1, 2), MakeQueued("e\u0301", 2, 2)}),
              ElementsAre("JOB     STATE   WHEN  MESSAGE", "日本語  queued  -     1st of 2",
                          "e\u0301       queued  -     2nd of 2"));
}

TEST(Table, GrowsWiderWithLaterJobsAndNeverNarrower) {
  Table table;
  EXPECT_THAT(Rows(table, {MakeQueued("a", 1, 3)}), ElementsAre(StartsWith("JOB"), "a    queued  -     1st of 3"));
  EXPECT_THAT(Rows(table, {Ended(MakeFailed("longer"), 7)}),
              ElementsAre("longer  failed  7s ago  in VAEDecode: out of memory"));
  EXPECT_THAT(Rows(table, {MakeQueued("b", 3, 3)}), ElementsAre("b       queued  -       3rd of 3"));
}

TEST(Table, IsCutToTheTerminalButForTheIds) {
  const std::string id = "3f2a8b1c-0000-4000-8000-00805f9b34fb";
  EXPECT_THAT(Rows({Ended(MakeFailed(id), 7)}, {.width = 60}),
              ElementsAre(StartsWith("JOB"), "3f2a8b1c-0000-4000-8000-00805f9b34fb  failed  7s ago  in VAE"));
  EXPECT_THAT(Rows({MakeFailed(id)}, {.width = 10}), ElementsAre("JOB       ", id));
  for (std::size_t width = 0; width < 100; ++width) {
    for (const std::string& line : Rows({MakeQueued("日本語", 2'000'000'000, 2'000'000'000)}, {.width = width}))
      EXPECT_LE(DisplayWidth(line), std::max<std::size_t>(width, 6)) << line;
  }
}

TEST(Table, LetsAnIdThatIsVeryLongMoveItsOwnRowOnly) {
  const std::string id(256, 'x');
  EXPECT_THAT(Rows({MakeQueued("a", 1, 2), MakeQueued(id, 2, 2)}),
              ElementsAre("JOB  STATE   WHEN  MESSAGE",   //
                          "a    queued  -     1st of 2",  //
                          id + "  queued  -     2nd of 2"));
}

TEST(Table, LetsNoControlCharacterThroughButItsOwnColors) {
  JobStatus failed = MakeFailed("my job\x1b[2J\n\u202e");
  failed.set_backend("gpu\x07 1");
  failed.set_message("failed in V\x1b]0;owned\x07: a\nb");
  JobStatus processing = MakeProcessing("j2", 50);
  processing.mutable_progress()->mutable_current_node()->set_node_type("K\x1b[5m");
  Style style = kUncut;
  style.name_backend = true;
  const std::vector<std::string> rows = Rows({failed, processing}, style);
  EXPECT_THAT(rows, ElementsAre(StartsWith("JOB"), HasSubstr("in V\\x1b]0;owned\\x07: a\\x0ab"),
                                HasSubstr("50% K\\x1b[5m 12/20")));
  EXPECT_THAT(rows[1], StartsWith("my\\x20job\\x1b[2J\\x0a\\u{202e}  gpu\\x07\\x201  failed "));
  for (const std::string& row : rows) EXPECT_THAT(row, Not(HasSubstr("\x1b")));
}

TEST(Table, ColorsWithoutChangingTheWidth) {
  JobStatus status = WithEstimate(MakeProcessing("j1", 50), 38);
  EXPECT_THAT(Rows({status}, {.width = 50, .color = true}),
              ElementsAre("\x1b[1mJOB  \x1b[0m\x1b[1mSTATE       \x1b[0m\x1b[1mWHEN  \x1b[0m\x1b[1mMESSAGE\x1b[0m",
                          "j1   \x1b[36mprocessing  \x1b[0m-     50% KSampler 12/20\x1b[2m, about 4\x1b[0m"));
}

}  // namespace
}  // namespace jobstatus::cli
