#include "jobs/transitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace jobs {
namespace {

using namespace std::chrono_literals;

const Time kNow{1'700'000'000s};

HistoryEntry Ended(HistoryEntry::End end) {
  HistoryEntry entry;
  entry.end = end;
  entry.error.message = "boom";
  entry.error.node_type = "VAEDecode";
  return entry;
}

const HistoryEntry kSuccess = Ended(HistoryEntry::End::kSuccess);
const HistoryEntry kFailure = Ended(HistoryEntry::End::kError);
const HistoryEntry kInterruption = Ended(HistoryEntry::End::kInterrupted);

const std::map<std::string, Sighting> kSightings = {
    {"queued", SeenQueued{{1, 2}, {}, {}}},
    {"running", SeenRunning{}},
    {"succeeded", SeenInHistory{kSuccess}},
    {"failed", SeenInHistory{kFailure}},
    {"interrupted", SeenInHistory{kInterruption}},
    {"nowhere, gapless", SeenNowhere{.watched_without_gap = true}},
    {"nowhere, begun", SeenNowhere{.watched_without_gap = true, .has_begun = true}},
    {"nowhere, gap", SeenNowhere{.watched_without_gap = false}},
    {"nowhere, restarted", SeenNowhere{.watched_without_gap = false, .backend_restarted = true}},
    {"not seen", NotSeen{}},
};

const char* Name(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "QUEUED";
    case JobState::kProcessing:
      return "PROCESSING";
    case JobState::kCompleted:
      return "COMPLETED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "CANCELLED";
    case JobState::kLost:
      return "LOST";
  }
  return "?";
}

std::string Name(const std::optional<JobStatus>& status) {
  if (!status) return "-";
  std::string name = Name(status->state);
  if (status->stale) name += " stale";
  if (status->error && status->error->reason == ErrorReason::kBackendRestarted) name += "/restarted";
  if (status->error && status->error->reason == ErrorReason::kVanished) name += "/vanished";
  if (status->error && status->error->reason == ErrorReason::kRemovedFromQueue) name += "/removed";
  if (status->error && status->error->reason == ErrorReason::kInterrupted) name += "/interrupted";
  return name;
}

// A job in the state that the named sightings lead to.
std::optional<JobStatus> After(const std::vector<std::string>& sightings) {
  std::optional<JobStatus> status;
  for (const std::string& name : sightings) {
    if (auto next = Apply(status ? &*status : nullptr, "job", "gpu", kSightings.at(name), kNow)) status = next;
  }
  return status;
}

struct Row {
  std::vector<std::string> before;
  // For each sighting, in the order: queued, running, succeeded, failed, interrupted, nowhere gapless, nowhere begun,
  // nowhere gap, nowhere restarted, not seen.
  std::array<const char*, 10> after;
};

// Every cell of state × observation. "-": nothing changes.
const std::vector<Row> kTable = {
    {{}, {"QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED/interrupted", "-", "-", "-", "-", "-"}},
    {{"queued"},
     {"-", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED/interrupted", "CANCELLED/removed", "LOST/vanished",
      "LOST/vanished", "LOST/restarted", "QUEUED stale"}},
    {{"running"},
     {"QUEUED", "-", "COMPLETED", "FAILED", "CANCELLED/interrupted", "LOST/vanished", "LOST/vanished", "LOST/vanished",
      "LOST/restarted", "PROCESSING stale"}},
    {{"queued", "not seen"},
     {"QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED/interrupted", "CANCELLED/removed", "LOST/vanished",
      "LOST/vanished", "LOST/restarted", "-"}},
    {{"running", "not seen"},
     {"QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED/interrupted", "LOST/vanished", "LOST/vanished",
      "LOST/vanished", "LOST/restarted", "-"}},
    {{"succeeded"}, {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}},
    {{"failed"}, {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}},
    {{"interrupted"}, {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}},
    {{"queued", "nowhere, gapless"}, {"-", "-", "-", "-", "-", "-", "-", "-", "-", "-"}},
    {{"running", "nowhere, gap"},
     {"QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED/interrupted", "-", "-", "-", "-", "-"}},
};

const std::array<const char*, 10> kColumns = {
    "queued",         "running",      "succeeded",          "failed",  "interrupted", "nowhere, gapless",
    "nowhere, begun", "nowhere, gap", "nowhere, restarted", "not seen"};

TEST(Transitions, EveryStateMeetsEveryObservation) {
  for (const Row& row : kTable) {
    const auto before = After(row.before);
    for (std::size_t i = 0; i < kColumns.size(); ++i) {
      const auto after = Apply(before ? &*before : nullptr, "job", "gpu", kSightings.at(kColumns[i]), kNow + 1s);
      EXPECT_EQ(Name(after), row.after[i]) << Name(before) << " × " << kColumns[i];
    }
  }
}

TEST(Transitions, KeepTheInvariantsOfAStatusInEveryCell) {
  for (const Row& row : kTable) {
    const auto before = After(row.before);
    for (const char* column : kColumns) {
      const auto after = Apply(before ? &*before : nullptr, "job", "gpu", kSightings.at(column), kNow + 1s);
      if (!after) continue;
      EXPECT_EQ(after->queue.has_value(), after->state == JobState::kQueued);
      EXPECT_EQ(after->error.has_value(), IsTerminal(after->state) && after->state != JobState::kCompleted);
      EXPECT_FALSE(after->stale && IsTerminal(after->state));
      EXPECT_EQ(after->job_id, "job");
      EXPECT_EQ(after->backend, "gpu");
      const bool confirmed = std::string_view(column) != "not seen";
      EXPECT_EQ(after->observe_time, confirmed ? kNow + 1s : before->observe_time) << column;
    }
  }
}

TEST(Transitions, AMoveInTheQueueIsAChangeButNotOneOfState) {
  const auto second = After({"queued"});
  const auto first = Apply(&*second, "job", "gpu", SeenQueued{{1, 1}, {}, {}}, kNow);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->queue->size, 1);
  EXPECT_FALSE(IsChangeOfState(&*second, *first));
  EXPECT_TRUE(IsChangeOfState(nullptr, *first));
}

TEST(Transitions, GoingStaleAndBackAreChangesOfState) {
  const auto queued = After({"queued"});
  const auto stale = Apply(&*queued, "job", "gpu", NotSeen{kNow + 5s}, kNow + 60s);
  ASSERT_TRUE(stale);
  EXPECT_TRUE(IsChangeOfState(&*queued, *stale));
  EXPECT_EQ(stale->observe_time, kNow + 5s);
  const auto back = Apply(&*stale, "job", "gpu", kSightings.at("queued"), kNow + 90s);
  ASSERT_TRUE(back);
  EXPECT_FALSE(back->stale);
  EXPECT_TRUE(IsChangeOfState(&*stale, *back));
}

TEST(Transitions, AnotherRunUnderTheSameIdBeginsItsProgressAnew) {
  JobStatus first = *Apply(nullptr, "job", "gpu", SeenRunning{.number = {1}}, kNow);
  first.progress = {.percentage = 40, .total_nodes = 3};
  EXPECT_EQ(Apply(&first, "job", "gpu", SeenRunning{.number = {1}}, kNow), std::nullopt);
  EXPECT_EQ(Apply(&first, "job", "gpu", SeenRunning{.number = {2}}, kNow)->progress, std::nullopt);
}

TEST(Transitions, NoNodeRunsInAJobThatHasEnded) {
  JobStatus running = *Apply(nullptr, "job", "gpu", SeenRunning{}, kNow);
  running.progress = {.percentage = 40, .total_nodes = 3, .current_node = NodeProgress{.node_id = "3"}};
  for (const char* end : {"succeeded", "failed", "interrupted", "nowhere, gap"}) {
    const auto ended = Apply(&running, "job", "gpu", kSightings.at(end), kNow);
    EXPECT_EQ(ended->progress->current_node, std::nullopt) << end;
    EXPECT_EQ(ended->progress->percentage, std::string_view(end) == "succeeded" ? 100 : 40) << end;
  }
}

TEST(Transitions, ACompletedJobIsAtAHundredPercentFromTheHistory) {
  const auto completed = After({"succeeded"});
  ASSERT_TRUE(completed->progress);
  EXPECT_EQ(completed->progress->percentage, 100);
  EXPECT_EQ(completed->progress->source, ProgressSource::kHistory);
}

TEST(Transitions, AJobWithoutEvidenceOfProgressHasNone) {
  EXPECT_FALSE(After({"running"})->progress);
  EXPECT_FALSE(After({"failed"})->progress);
}

TEST(Transitions, ALostJobThatIsSeenAgainHasNothingOfItsFormerEnd) {
  const auto alive = After({"running", "nowhere, gap", "queued"});
  EXPECT_EQ(alive->state, JobState::kQueued);
  EXPECT_FALSE(alive->error || alive->end_time || alive->progress);
}

}  // namespace
}  // namespace jobs
