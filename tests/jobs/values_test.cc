#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "jobs/describe.h"
#include "jobs/estimate.h"
#include "jobs/history.h"
#include "jobs/job_id.h"
#include "jobs/queue.h"
#include "jobs/text.h"

namespace jobs {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;

const Time kNow{1'700'000'000s};

TEST(JobIds, OfAnyKindThatComfyuiGivesAreUsable) {
  for (const char* id : {"a", "9c989f18-26c1-4c78-8112-f9b779ad05e1", "jöb-☃-😀", "a/b/../c?x=1#y", " a b ", "50%25",
                         "[1, 2]", "..", "{}"}) {
    EXPECT_TRUE(IsUsableJobId(id)) << id;
  }
  EXPECT_TRUE(IsUsableJobId(std::string(256, 'k')));
}

TEST(Trap18, IdsThatCouldDoHarmAreNotUsable) {
  EXPECT_THAT(WhyUnusableJobId(""), testing::HasSubstr("empty"));
  EXPECT_THAT(WhyUnusableJobId(std::string(257, 'k')), testing::HasSubstr("256"));
  for (const std::string id : {"a\nb", "\x1b[2J", "tab\t", "del\x7f", "c1\xc2\x9b[2J"}) {
    EXPECT_THAT(WhyUnusableJobId(id), testing::HasSubstr("control")) << id;
  }
  EXPECT_FALSE(IsUsableJobId(std::string("nul\0", 4)));
}

TEST(QueueOrder, IsByNumberThenIdWithATotalOrder) {
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<QueueItem> items;
  for (const auto& [id, number] : std::vector<std::pair<std::string, double>>{{"nan", std::nan("")},
                                                                              {"inf", inf},
                                                                              {"b", 3},
                                                                              {"a", 3},
                                                                              {"front", -8},
                                                                              {"-inf", -inf},
                                                                              {"nan0", std::nan("")},
                                                                              {"half", 0.5}}) {
    items.push_back({id, {number}, {}});
  }
  SortPending(items);
  std::vector<std::string> order;
  for (const auto& item : items) order.push_back(item.job_id);
  EXPECT_THAT(order, ElementsAre("-inf", "front", "half", "a", "b", "inf", "nan", "nan0"));
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(CutText("short", 10), "short");
  EXPECT_EQ(CutText("0123456789", 8), "01234…");
  EXPECT_EQ(CutText("ööööö", 8), "öö…");
  EXPECT_EQ(CutText("😀😀😀", 8), "😀…");
}

TEST(Text, OnOneLineHasNoControlCharacters) {
  EXPECT_EQ(OneLine("  boom\n\tat\x1b[31m line \xc2\x9b 2\r\n", 100), "boom at [31m line 2");
  EXPECT_EQ(OneLine("a" + std::string(1000, 'b'), 10), "abbbbbb…");
  EXPECT_THAT(OneLine("\n\n", 10), IsEmpty());
}

JobStatus Status(JobState state) {
  JobStatus status;
  status.state = state;
  return status;
}

TEST(Message, SaysThePlaceInTheQueue) {
  JobStatus status = Status(JobState::kQueued);
  const auto at = [&](int position, int size) {
    status.queue = QueuePlace{position, size};
    return Describe(status);
  };
  EXPECT_EQ(at(1, 1), "queued, 1st of 1");
  EXPECT_EQ(at(2, 7), "queued, 2nd of 7");
  EXPECT_EQ(at(3, 7), "queued, 3rd of 7");
  EXPECT_EQ(at(11, 30), "queued, 11th of 30");
  EXPECT_EQ(at(22, 30), "queued, 22nd of 30");
  EXPECT_EQ(at(113, 200), "queued, 113th of 200");
}

TEST(Message, SaysNodeAndStep) {
  JobStatus status = Status(JobState::kProcessing);
  EXPECT_EQ(Describe(status), "processing");
  status.progress = Progress{.current_node = NodeProgress{"3", "KSampler", 12, 20}};
  EXPECT_EQ(Describe(status), "KSampler 12/20");
  status.progress->current_node->total_steps = 0;
  EXPECT_EQ(Describe(status), "KSampler");
  status.stale = true;
  EXPECT_THAT(Describe(status), EndsWith("ComfyUI cannot be reached)"));
}

TEST(Message, SaysWhereAJobFailedOnOneLineHoweverLongTheError) {
  JobStatus status = Status(JobState::kFailed);
  status.error = JobError{.message = "out of memory\n  (tried 20 GiB)", .node_type = "VAEDecode"};
  EXPECT_EQ(Describe(status), "failed in VAEDecode: out of memory (tried 20 GiB)");
  status.error->message = std::string(300'000, 'x');
  EXPECT_LE(Describe(status).size(), 300u);
}

TEST(Message, CountsOutputsAndSaysWhenAVersionRecordsNoVerdict) {
  JobStatus status = Status(JobState::kCompleted);
  EXPECT_EQ(Describe(status), "completed without outputs");
  status.outputs.resize(2);
  EXPECT_EQ(Describe(status), "completed with 2 outputs");
  status.outputs_left_out = 3;
  EXPECT_EQ(Describe(status), "completed with 5 outputs, of which 3 are left out here");
  status.verdict_recorded = false;
  EXPECT_THAT(Describe(status), testing::HasSubstr("does not record"));
}

TEST(Verdict, FollowsStatusStrOnlyWithoutAMessageThatTellsTheEnd) {
  HistoryEntry entry;
  entry.status_str = "error";
  EXPECT_EQ(Judge(entry).state, JobState::kFailed);
  EXPECT_FALSE(Judge(entry).error->message.empty());
  entry.end = HistoryEntry::End::kInterrupted;
  EXPECT_EQ(Judge(entry).state, JobState::kCancelled);
  entry.end = HistoryEntry::End::kSuccess;
  EXPECT_EQ(Judge(entry).state, JobState::kCompleted);
  entry.end = HistoryEntry::End::kError;
  entry.status_str = "success";
  EXPECT_EQ(Judge(entry).state, JobState::kFailed);
}

TEST(Verdict, KeepsTheNewestFramesOfALongTraceback) {
  HistoryEntry entry;
  entry.end = HistoryEntry::End::kError;
  for (int i = 0; i < 100; ++i) entry.error.traceback.push_back(std::to_string(i) + std::string(1000, 'x'));
  const auto error = Judge(entry).error;
  EXPECT_THAT(error->traceback.back(), testing::StartsWith("99x"));
  EXPECT_EQ(error->traceback.size(), kMaxTracebackBytes / 1002);
  entry.error.traceback = {std::string(100'000, 'y')};
  EXPECT_EQ(Judge(entry).error->traceback.front().size(), kMaxTracebackBytes);
}

}  // namespace
}  // namespace jobs
