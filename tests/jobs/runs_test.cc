#include "jobs/runs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "jobs/heard.h"
#include "jobs/job_id.h"

namespace jobs {
namespace {

using namespace std::chrono_literals;
using heard::Draw;
using heard::Finished;
using heard::InWords;
using heard::Running;
using heard::States;
using Told = decltype(RunEvent::what);

const Time kNow{1'700'000'000s};

std::shared_ptr<const Workflow> Pair() {
  return Draw({{"1", "KSampler"}, {"2", "SaveImage", {"1"}}}, {"2"});
}

QueueItem Item(const std::string& job_id, double number, std::shared_ptr<const Workflow> workflow = Pair()) {
  QueueItem item{.job_id = job_id, .number = {number}};
  item.workflow = std::move(workflow);
  return item;
}

RunEvent Event(const std::string& job_id, Told what) {
  return {.job_id = job_id, .heard_at = kNow, .what = std::move(what)};
}

// The jobs of a queue that is seen and heard.
struct Backend {
  Runs runs;

  void See(std::vector<QueueItem> running, std::vector<QueueItem> pending = {}) {
    runs.See({std::move(running), std::move(pending)}, kNow - 1s, kNow);
  }
  std::optional<std::string> Hear(const std::string& job_id, Told what) {
    return runs.Hear(Event(job_id, std::move(what)));
  }
  std::string Progress(const std::string& job_id) { return InWords(runs.OutlookOf(job_id, kNow).progress); }
};

TEST(Foresee, WhatWasToldOfARunDoesNotShrinkWhenLessIsHeardOfItAfterARestart) {
  JobStatus status{.state = JobState::kProcessing};
  status.progress = {.percentage = 60, .completed_nodes = 3, .total_nodes = 5, .cached_nodes = 5};
  const auto foresee = [&](Progress heard) {
    Foresee({.progress = heard}, kNow, status);
    return InWords(status.progress);
  };
  // The nodes that were cached are not told again, so more seem to be left.
  EXPECT_EQ(foresee({.percentage = 30, .completed_nodes = 3, .total_nodes = 10}), "60% 3/10");
  EXPECT_EQ(foresee({.percentage = 20, .completed_nodes = 2, .total_nodes = 10}), "60% 3/10");
  EXPECT_EQ(foresee({.percentage = 70, .completed_nodes = 7, .total_nodes = 10}), "70% 7/10");
}

TEST(Runs, TellHowFarARunningJobIs) {
  Backend backend;
  backend.See({Item("a", 0)}, {Item("b", 1)});
  EXPECT_EQ(backend.Progress("a"), "nothing");
  EXPECT_EQ(backend.Hear("a", RunEvent::Step{"1", 1, 4}), "a");
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
  EXPECT_EQ(backend.Progress("b"), "nothing");
  EXPECT_EQ(backend.Progress("nobody"), "nothing");
}

TEST(Runs, KeepWhatIsHeardOfAJobUntilTheQueueShowsIt) {
  Backend backend;
  EXPECT_EQ(backend.Hear("a", RunEvent::Cached{{"1"}}), std::nullopt);
  EXPECT_EQ(backend.Hear("a", RunEvent::Executing{"2"}), std::nullopt);
  EXPECT_EQ(backend.Progress("a"), "nothing");
  backend.See({Item("a", 0)});
  EXPECT_EQ(backend.Progress("a"), "0% 0/1 2:SaveImage");
}

TEST(Runs, OfJobsThatWereNeverSeenKeepTheNewestFew) {
  Backend backend;
  for (std::size_t i = 0; i <= Runs::kMaxEarly; ++i) backend.Hear("job" + std::to_string(i), RunEvent::Executing{"1"});
  std::vector<QueueItem> all;
  for (std::size_t i = 0; i <= Runs::kMaxEarly; ++i)
    all.push_back(Item("job" + std::to_string(i), static_cast<double>(i)));
  backend.See(all);
  EXPECT_EQ(backend.Progress("job0"), "nothing");
  EXPECT_EQ(backend.Progress("job1"), "0% 0/2 1:KSampler");
  EXPECT_EQ(backend.Progress("job8"), "0% 0/2 1:KSampler");
}

TEST(Runs, OfAWaitingJobTellNoProgressThoughItIsHeardToRun) {
  Backend backend;
  backend.See({}, {Item("a", 0)});
  EXPECT_EQ(backend.Hear("a", RunEvent::Step{"1", 1, 4}), "a");
  EXPECT_EQ(backend.Progress("a"), "nothing");
  backend.See({Item("a", 0, nullptr)});  // the workflow was read the first time
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
}

TEST(Runs, KnowWhatWasReadOfAJobWhileItWaited) {
  Backend backend;
  QueueItem item = Item("a", 0);
  item.submitter = Submitter::kService;
  backend.See({}, {item});
  backend.See({Item("a", 0, nullptr)});
  backend.Hear("a", RunEvent::Step{"1", 1, 4});
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
  EXPECT_EQ(backend.runs.OutlookOf("a", kNow).progress->source, ProgressSource::kOwned);
}

TEST(Runs, UnderstandWhatWasHeardOnceTheWorkflowIsRead) {
  Backend backend;
  backend.See({Item("a", 0, nullptr)});
  backend.Hear("a", RunEvent::Step{"1", 1, 4});
  EXPECT_EQ(backend.Progress("a"), "nothing");
  backend.See({Item("a", 0)});
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
}

TEST(Runs, KnowOfAWaitingJobWhetherItWasHeardToRun) {
  Backend backend;
  backend.See({}, {Item("a", 0), Item("b", 1), Item("c", 2, nullptr)});
  backend.Hear("a", RunEvent::Began{});
  backend.Hear("c", RunEvent::Executing{"1"});
  backend.Hear("early", RunEvent::Executing{"1"});
  EXPECT_TRUE(backend.runs.HasBegun("a"));
  EXPECT_FALSE(backend.runs.HasBegun("b"));
  EXPECT_TRUE(backend.runs.HasBegun("c")) << "whatever its workflow";
  EXPECT_TRUE(backend.runs.HasBegun("early"));
  EXPECT_FALSE(backend.runs.HasBegun("nobody"));
}

TEST(Trap13, TheEndOfAnEarlierRunThatIsToldLateIsNoBeginningOfThis) {
  Backend backend;
  backend.See({Item("a", 3)});
  HistoryEntry entry;
  entry.number = {3};
  backend.runs.Ended("a", entry, kNow);
  backend.Hear("a", RunEvent::Over{});
  backend.See({}, {Item("a", 5)});
  EXPECT_FALSE(backend.runs.HasBegun("a"));
}

TEST(Runs, AnEventWithoutAJobIsOfTheOneThatRuns) {
  Backend backend;
  EXPECT_EQ(backend.Hear("", RunEvent::Executing{"1"}), std::nullopt);
  backend.See({}, {Item("b", 1)});
  EXPECT_EQ(backend.Hear("", RunEvent::Executing{"1"}), std::nullopt);
  backend.See({Item("a", 0)}, {Item("b", 1)});
  EXPECT_EQ(backend.Hear("", RunEvent::Executing{"1"}), "a");
  EXPECT_EQ(backend.Hear("", RunEvent::Step{std::nullopt, 1, 4}), "a");
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
  backend.See({Item("a", 0), Item("b", 1)});  // a fork with two workers
  EXPECT_EQ(backend.Hear("", RunEvent::Executing{"2"}), std::nullopt);
}

TEST(Trap13, AnotherRunOfTheSameIdBeginsAnew) {
  Backend backend;
  backend.See({Item("a", 3)}, {Item("a", 5)});
  backend.Hear("a", States({Finished("1"), Running("2")}));
  EXPECT_EQ(backend.Progress("a"), "50% 1/2 2:SaveImage");
  backend.See({Item("a", 5)});
  EXPECT_EQ(backend.Progress("a"), "nothing");
  backend.Hear("a", RunEvent::Step{"1", 1, 4});
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
}

TEST(Trap13, TheEndOfAnEarlierRunOfTheIdIsNotTheEndOfThis) {
  Backend backend;
  backend.See({Item("a", 5)});
  backend.Hear("a", RunEvent::Step{"1", 1, 4});
  HistoryEntry earlier;
  earlier.number = {3};
  backend.runs.Ended("a", earlier, kNow);
  EXPECT_EQ(backend.Progress("a"), "12.5% 0/2 1:KSampler 1/4");
  earlier.number = {5};
  backend.runs.Ended("a", earlier, kNow);
  EXPECT_EQ(backend.Progress("a"), "nothing");
}

TEST(Runs, ForgetTheJobsThatLeftTheQueue) {
  Backend backend;
  backend.See({Item("a", 0)}, {Item("b", 1)});
  backend.Hear("a", RunEvent::Executing{"1"});
  backend.See({Item("b", 1)});
  EXPECT_EQ(backend.Progress("a"), "nothing");
  EXPECT_EQ(backend.Hear("a", RunEvent::Over{}), std::nullopt);
}

TEST(Trap18, JobsOfUnusableIdsAreNotFollowed) {
  Backend backend;
  backend.See({Item("", 0), Item("a\nb", 1), Item(std::string(300, 'x'), 2)});
  EXPECT_EQ(backend.Hear("a\nb", RunEvent::Executing{"1"}), std::nullopt);
  EXPECT_EQ(backend.Hear("", RunEvent::Executing{"1"}), std::nullopt);
}

TEST(Runs, HaveComfyuisWordForTheBeginning) {
  Backend backend;
  backend.See({Item("a", 0)});
  EXPECT_EQ(backend.runs.OutlookOf("a", kNow).start_time, std::nullopt);
  backend.Hear("a", RunEvent::Began{kNow - 5s});
  EXPECT_EQ(backend.runs.OutlookOf("a", kNow).start_time, kNow - 5s);
}

TEST(Runs, StaySoundWhateverIsSeenAndHeardInWhateverOrder) {
  const std::vector<std::string> ids = {"a", "b", "c", "", "d\n"};
  const std::vector<std::string> nodes = {"1", "2", "3", "1.0.0.1"};
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::size_t bound) { return random() % bound; };
    const auto some = [&](const std::vector<std::string>& of) { return of[below(of.size())]; };
    const auto items = [&](std::size_t most) {
      std::vector<QueueItem> list;
      for (std::size_t i = below(most + 1); i > 0; --i) {
        list.push_back(Item(some(ids), below(3) == 0 ? std::nan("") : 1, below(3) == 0 ? nullptr : Pair()));
      }
      return list;
    };
    Backend backend;
    std::map<std::string, double> percentages;  // of runs that go on
    for (int i = 0; i < 40; ++i) {
      const std::string id = some(ids);
      switch (below(8)) {
        case 0:
          backend.See(items(2), items(4));
          percentages.clear();
          break;
        case 1: {
          HistoryEntry entry;
          entry.number = {1};
          entry.start_time = kNow - 2s;
          entry.end_time = kNow - 1s * static_cast<int>(below(4));
          backend.runs.Ended(id, entry, kNow);
          percentages.erase(id);
          break;
        }
        case 2:
          backend.runs.BackendAway();
          break;
        case 3:
          backend.Hear(id, RunEvent::Executing{some(nodes)});
          break;
        case 4:
          backend.Hear(id, below(2) == 0 ? Told(RunEvent::Over{}) : Told(RunEvent::Cached{{some(nodes)}}));
          break;
        default:
          backend.Hear(id, States({Running(some(nodes), static_cast<double>(below(5)), 4), Finished(some(nodes))}));
      }
      for (const std::string& job_id : ids) {
        const auto progress = backend.runs.OutlookOf(job_id, kNow).progress;
        if (!progress) continue;
        ASSERT_TRUE(IsUsableJobId(job_id));
        ASSERT_GE(progress->percentage, percentages[job_id]);
        ASSERT_LE(progress->percentage, 100);
        percentages[job_id] = progress->percentage;
      }
    }
  }
}

// ---- Foresee

JobStatus Status(JobState state) {
  JobStatus status;
  status.state = state;
  return status;
}

const Outlook kOutlook{.progress = Progress{.percentage = 40},
                       .estimate = Estimate{kNow + 10s, kNow + 9s, kNow + 12s},
                       .start_time = kNow};

TEST(Foresee, TellsOfARunningJobWhatIsKnown) {
  JobStatus status = Status(JobState::kProcessing);
  Foresee(kOutlook, kNow, status);
  EXPECT_EQ(status.progress, kOutlook.progress);
  EXPECT_EQ(status.estimate, kOutlook.estimate);
  EXPECT_EQ(status.start_time, kNow);
}

TEST(Foresee, OfAWaitingJobTellsOnlyWhenItEnds) {
  JobStatus status = Status(JobState::kQueued);
  Foresee(kOutlook, kNow, status);
  EXPECT_EQ(status.progress, std::nullopt);
  EXPECT_EQ(status.start_time, std::nullopt);
  EXPECT_EQ(status.estimate, kOutlook.estimate);
}

TEST(Foresee, LeavesWhatHasEndedOrIsStaleAsItIs) {
  JobStatus ended = Status(JobState::kCompleted);
  JobStatus stale = Status(JobState::kProcessing);
  stale.stale = true;
  for (JobStatus* status : {&ended, &stale}) {
    const JobStatus before = *status;
    Foresee(kOutlook, kNow, *status);
    EXPECT_EQ(*status, before);
  }
}

TEST(Foresee, DoesNotForgetProgressButDropsAnEstimateWithoutEvidence) {
  JobStatus status = Status(JobState::kProcessing);
  Foresee(kOutlook, kNow, status);
  Foresee({}, kNow, status);
  EXPECT_EQ(status.progress, kOutlook.progress);
  EXPECT_EQ(status.start_time, kNow);
  EXPECT_EQ(status.estimate, std::nullopt);
}

}  // namespace
}  // namespace jobs
