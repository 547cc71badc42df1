#include "jobs/time_remaining.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "jobs/made_workflow.h"

namespace jobs {
namespace {

using namespace std::chrono_literals;
using State = NodeRun::State;
using Shared = std::shared_ptr<const Workflow>;

const Time kNow{1'700'000'000s};

double Left(const std::optional<Estimate>& estimate, Time now) {
  return estimate ? std::chrono::duration<double>(estimate->end - now).count() : std::nan("");
}

bool IsSound(const Estimate& estimate, Time now) {
  return now <= estimate.earliest_end && estimate.earliest_end <= estimate.end && estimate.end <= estimate.latest_end;
}

// Times of the nodes of a TextToImage.
struct Times {
  Duration load = 4s;
  Duration encode = 1s;
  Duration load_on_gpu = 2s;
  Duration step = 500ms;
  Duration decode = 2s;
  Duration save = 1s;
};

// One ComfyUI, as we hear of it.
class Backend {
 public:
  // A run through all its nodes that are not in the cache.
  void Run(const TextToImage& what, bool heard, const Times& times = {}) {
    const Shared workflow = Made(what);
    RunState run = Began(workflow, true);
    const bool cold = run.nodes[*workflow->Find("1")].state != State::kCached;
    Time at = *run.began;
    for (std::size_t i = 0; i < run.nodes.size(); ++i) {
      NodeRun& node = run.nodes[i];
      if (node.state == State::kCached) continue;
      const std::string& id = workflow->nodes()[i].id;
      Duration took = 0s;
      if (id == "1") took = times.load;
      if (id == "3") took = times.encode;
      if (id == "5") took = times.step * what.steps + (cold ? times.load_on_gpu : 0s);
      if (id == "6") took = times.decode;
      if (id == "7") took = times.save;
      if (id == "5") node.step = node.steps = what.steps;
      if (id == "5") node.step_time = times.step;
      node.state = State::kDone;
      node.began = at;
      node.ended = at += took;
    }
    if (!heard) run = Began(workflow, false);
    remaining.Ended(run, at, true);
    before_ = workflow;
  }

  // A run that has just begun.
  RunState Began(const Shared& workflow, bool heard) const {
    RunState run{.workflow = workflow, .began = kNow, .heard = heard, .cached_known = heard};
    run.nodes.resize(workflow->nodes().size());
    if (!heard || !before_) return run;
    const auto cached = Leftovers(*before_).Cached(*workflow);
    for (std::size_t i = 0; i < cached.size(); ++i) {
      if (cached[i]) run.nodes[i].state = State::kCached;
    }
    return run;
  }

  std::vector<double> Queue(const std::vector<Shared>& pending, const std::vector<const RunState*>& running = {},
                            Time now = kNow) {
    std::vector<double> left;
    for (const auto& estimate : remaining.EndsOfQueue(running, pending, now)) {
      EXPECT_TRUE(!estimate || IsSound(*estimate, now));
      left.push_back(Left(estimate, now));
    }
    return left;
  }

  TimeRemaining remaining;

 private:
  Shared before_;
};

class HeardOrNot : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Jobs, HeardOrNot, testing::Bool());

TEST(TimeRemaining, IsAbsentWithoutEvidence) {
  Backend backend;
  const RunState heard = backend.Began(Made({}), true);
  const RunState unheard = backend.Began(Made({}), false);
  const RunState unknown{.began = kNow};
  for (const RunState* run : {&heard, &unheard, &unknown}) {
    EXPECT_FALSE(backend.remaining.EndOfRunning(*run, kNow + 1s));
    EXPECT_FALSE(backend.remaining.EndsOfQueue(std::vector{run}, std::vector{Made({})}, kNow)[0]);
  }
  EXPECT_FALSE(backend.remaining.EndsOfQueue({}, std::vector{Made({}), Shared()}, kNow)[1]);
}

TEST_P(HeardOrNot, AWaitingJobTakesAsLongAsTheLastOfItsShape) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, GetParam());
  EXPECT_NEAR(backend.Queue({Made({.seed = 9})})[0], 13, 0.1) << "20 steps, decode, save";
}

TEST_P(HeardOrNot, AnOutlierDoesNotMatter) {
  Backend backend;
  for (int seed = 0; seed < 7; ++seed) {
    backend.Run({.seed = seed}, GetParam(), seed == 5 ? Times{.step = 50s} : Times{});
  }
  EXPECT_NEAR(backend.Queue({Made({.seed = 9})})[0], 13, 0.5);
}

TEST_P(HeardOrNot, AFirstRunLoadsItsModelAgainAfterAnother) {
  Backend backend;
  for (int i = 0; i < 4; ++i) {
    for (int seed = 0; seed < 3; ++seed) backend.Run({.seed = seed}, GetParam());
    for (int seed = 0; seed < 3; ++seed) {
      backend.Run({.checkpoint = "\"sdxl.safetensors\"", .seed = seed}, GetParam(), {.step = 1s});
    }
  }
  const auto left = backend.Queue({Made({.seed = 9}), Made({.seed = 10})});
  EXPECT_NEAR(left[0], 20, 1) << "4 s to load, 1 s for the text, 2 s to the GPU";
  EXPECT_NEAR(left[1] - left[0], 13, 1) << "and the next one finds it there";
}

TEST_P(HeardOrNot, AWaitingJobFindsInTheCacheWhatTheJobBeforeItLeaves) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, GetParam());
  const auto left = backend.Queue({Made({.seed = 9}), Made({.seed = 9}), Made({.seed = 9})});
  EXPECT_NEAR(left[0], 13, 0.1);
  if (!GetParam()) return;  // how long a run takes of which nothing is needed was not seen
  EXPECT_NEAR(left[2], 13, 0.3) << "all of it is there";
}

TEST_P(HeardOrNot, MoreStepsTakeLonger) {
  Backend backend;
  for (int seed = 0; seed < 8; ++seed) backend.Run({.seed = seed, .steps = seed % 2 == 0 ? 20 : 30}, GetParam());
  EXPECT_NEAR(backend.Queue({Made({.seed = 9, .steps = 60})})[0], 33, GetParam() ? 0.5 : 2);
}

TEST(TimeRemaining, OfALargerPictureGrowsBeforeOneWasMade) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  EXPECT_NEAR(backend.Queue({Made({.seed = 9, .width = 1024})})[0], 26, 2);
}

TEST(TimeRemaining, AfterARestartCountsTheLoadingAgain) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  backend.remaining.Restarted();
  EXPECT_NEAR(backend.Queue({Made({.seed = 9})})[0], 20, 1);
}

TEST(TimeRemaining, OfUnknownWorkflowsIsThatOfAnyRunsIfThereAreThree) {
  TimeRemaining remaining;
  const auto end = [&](Duration took) { remaining.Ended({.began = kNow}, kNow + took, true); };
  end(10s);
  end(10s);
  EXPECT_FALSE(remaining.EndsOfQueue({}, std::vector<Shared>(1), kNow)[0]);
  end(12s);
  EXPECT_NEAR(Left(remaining.EndsOfQueue({}, std::vector<Shared>(1), kNow)[0], kNow), 10, 0.5);
  EXPECT_NEAR(Left(remaining.EndOfRunning({.began = kNow}, kNow + 4s), kNow), 11, 1.5);
}

TEST(TimeRemaining, OfARunningJobFollowsItsOwnPace) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  const Shared workflow = Made({.seed = 9});
  RunState run = backend.Began(workflow, true);
  run.nodes[*workflow->Find("5")] = {.state = State::kRunning,
                                     .fraction = 0.25,
                                     .step = 5,
                                     .steps = 20,
                                     .began = kNow,
                                     .stepped = kNow + 10s,
                                     .step_time = 2s};  // four times slower than usual
  EXPECT_NEAR(Left(backend.remaining.EndOfRunning(run, kNow + 10s), kNow + 10s), 33, 1);
  EXPECT_NEAR(Left(backend.remaining.EndOfRunning(run, kNow + 11s), kNow + 11s), 32, 1) << "it goes on between steps";
}

TEST(TimeRemaining, OfTheFirstJobEverIsKnownOnceItMakesSteps) {
  Backend backend;
  const Shared workflow = Made({});
  RunState run = backend.Began(workflow, true);
  run.nodes[*workflow->Find("1")] = {.state = State::kDone, .began = kNow, .ended = kNow + 4s};
  run.nodes[*workflow->Find("3")] = {.state = State::kDone, .began = kNow + 4s, .ended = kNow + 5s};
  run.nodes[*workflow->Find("4")] = {.state = State::kDone, .began = kNow + 5s, .ended = kNow + 5s};
  run.nodes[*workflow->Find("5")] = {.state = State::kRunning, .began = kNow + 5s};
  EXPECT_FALSE(backend.remaining.EndOfRunning(run, kNow + 6s));
  NodeRun& sampler = run.nodes[*workflow->Find("5")];
  sampler.step = 10;
  sampler.steps = 20;
  sampler.stepped = kNow + 15s;
  sampler.step_time = 1s;
  const auto estimate = backend.remaining.EndOfRunning(run, kNow + 15s);
  ASSERT_TRUE(estimate);
  EXPECT_NEAR(Left(estimate, kNow + 15s), 12, 1) << "what comes behind is guessed from what is done";
}

TEST(TimeRemaining, OfNodesThatRunAtOnceIsThatOfTheLongest) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  backend.remaining.Restarted();
  const Shared workflow = Made({.seed = 9});
  RunState run{.workflow = workflow,
               .nodes = std::vector<NodeRun>(workflow->nodes().size()),
               .began = kNow,
               .heard = true,
               .cached_known = true};
  for (auto& node : run.nodes) node = {.state = State::kDone, .began = kNow, .ended = kNow};
  run.nodes[*workflow->Find("6")] = {.state = State::kRunning, .began = kNow};
  run.nodes[*workflow->Find("7")] = {.state = State::kRunning, .began = kNow};
  EXPECT_NEAR(Left(backend.remaining.EndOfRunning(run, kNow), kNow), 2, 0.3);
}

TEST_P(HeardOrNot, ARunningJobThatOutlastsAllEvidenceIsNeverSaidToBeOver) {
  Backend backend;
  for (int seed = 0; seed < 30; ++seed) backend.Run({.seed = seed}, GetParam());
  const Shared workflow = Made({.seed = 99});
  RunState run = backend.Began(workflow, GetParam());
  if (GetParam()) run.nodes[*workflow->Find("5")] = {.state = State::kRunning, .began = kNow};
  for (const auto elapsed : {12s, 13s, 20s, 60s, 3600s, 86400s}) {
    const auto estimate = backend.remaining.EndOfRunning(run, kNow + elapsed);
    ASSERT_TRUE(estimate);
    EXPECT_TRUE(IsSound(*estimate, kNow + elapsed));
    EXPECT_GT(estimate->end, kNow + elapsed);
    EXPECT_GT(estimate->latest_end, estimate->earliest_end);
  }
}

TEST_P(HeardOrNot, WaitingIncludesTheRunningJob) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, GetParam());
  const RunState run = backend.Began(Made({.seed = 6}), GetParam());
  const auto left = backend.Queue({Made({.seed = 7}), Made({.seed = 8})}, {&run});
  EXPECT_NEAR(left[0], 26, 0.5);
  EXPECT_NEAR(left[1], 39, 0.5);
}

TEST(TimeRemaining, OnAForkThatRunsTwoAtOnceTheFirstToEndTakesTheNext) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, false);
  RunState late = backend.Began(Made({.seed = 6}), false);
  RunState early = backend.Began(Made({.seed = 7}), false);
  early.began = kNow - 10s;
  const auto left = backend.Queue({Made({.seed = 8}), Made({.seed = 9})}, {&late, &early});
  EXPECT_NEAR(left[0], 16, 0.5);
  EXPECT_NEAR(left[1], 26, 0.5);
}

TEST(TimeRemaining, OfTheQueueIsAbsentBehindAJobOfWhichNothingIsKnown) {
  Backend backend;
  backend.Run({}, true);
  const auto unknown = MadeChain(3, "NeverSeen");
  const auto left = backend.Queue({Made({.seed = 2}), unknown, Made({.seed = 3})});
  EXPECT_FALSE(std::isnan(left[0]));
  EXPECT_TRUE(std::isnan(left[1]));
  EXPECT_TRUE(std::isnan(left[2]));
  const RunState never_seen_beginning{.workflow = Made({}), .nodes = std::vector<NodeRun>(6)};
  EXPECT_TRUE(std::isnan(backend.Queue({Made({.seed = 2})}, {&never_seen_beginning})[0]));
}

TEST(TimeRemaining, OfAFailedRunTeachesItsNodesButNotItsTime) {
  Backend backend;
  backend.Run({}, true);
  const Shared workflow = Made({.seed = 2});
  RunState run = backend.Began(workflow, true);
  run.nodes[*workflow->Find("5")] = {
      .state = State::kDone, .step = 20, .steps = 20, .began = kNow, .ended = kNow + 20s, .step_time = 1s};
  for (int i = 0; i < 10; ++i) backend.remaining.Ended(run, kNow + 20s, false);
  EXPECT_NEAR(backend.Queue({Made({.seed = 3})})[0], 23, 1);
  EXPECT_NEAR(backend.Queue({Made({.seed = 2})})[0], 3, 1) << "its sampler's result is in the cache";
}

TEST(TimeRemaining, StandsNonsense) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  const Shared workflow = Made({.seed = 9});
  RunState run = backend.Began(workflow, true);
  NodeRun& sampler = run.nodes[*workflow->Find("5")];
  for (const std::int64_t step : {std::int64_t{-5}, std::int64_t{0}, std::int64_t{7}, std::int64_t{1} << 60}) {
    for (const std::int64_t steps : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{5}, std::int64_t{1} << 61}) {
      for (const Duration step_time : {Duration(-1s), Duration(0s), Duration(24h * 365 * 1000)}) {
        sampler = {.state = State::kRunning,
                   .fraction = std::nan(""),
                   .step = step,
                   .steps = steps,
                   .began = kNow + 100h,
                   .stepped = kNow + 1000h,
                   .step_time = step_time};
        const auto estimate = backend.remaining.EndOfRunning(run, kNow);
        ASSERT_TRUE(estimate);
        EXPECT_TRUE(IsSound(*estimate, kNow));
        EXPECT_LE(estimate->latest_end, kNow + 24h * 30);
        backend.Queue({workflow}, {&run});
      }
    }
  }
  backend.remaining.Ended(run, kNow - 5h, true);
  run.nodes.resize(1);
  backend.remaining.EndOfRunning(run, kNow);
  backend.remaining.Ended(run, kNow + 5s, true);
  backend.remaining.Ended({}, kNow, true);
  backend.remaining.EndsOfQueue(std::vector<const RunState*>{nullptr}, std::vector<Shared>(1), kNow);
  EXPECT_FALSE(std::isnan(backend.Queue({workflow})[0]));
}

TEST(TimeRemaining, StandsAWorkflowOfTenThousandNodes) {
  TimeRemaining remaining;
  const Shared huge = MadeChain(Workflow::kMaxNodes, "Odd");
  RunState run{.workflow = huge,
               .nodes = std::vector<NodeRun>(Workflow::kMaxNodes),
               .began = kNow,
               .heard = true,
               .cached_known = true};
  Time at = kNow;
  for (NodeRun& node : run.nodes) {
    node = {.state = State::kDone, .began = at, .ended = at + 100ms};
    at += 100ms;
  }
  remaining.Ended(run, at, true);
  const auto left =
      Left(remaining.EndsOfQueue({}, std::vector{MadeChain(Workflow::kMaxNodes, "Odd", 1)}, kNow)[0], kNow);
  EXPECT_NEAR(left, 1000, 100);
}

TEST(TimeRemaining, ForgetsWhatItDoesNotNeed) {
  Backend backend;
  backend.Run({}, true);
  std::vector<Shared> pending;
  for (std::size_t i = 0; i < TimeRemaining::kMaxPending + 100; ++i) {
    pending.push_back(i < 500 ? Made({.seed = static_cast<int>(i) + 100}) : pending[i % 500]);
  }
  const auto ends = backend.remaining.EndsOfQueue({}, pending, kNow);
  EXPECT_TRUE(ends[TimeRemaining::kMaxPending - 1]);
  EXPECT_FALSE(ends[TimeRemaining::kMaxPending]);
  EXPECT_LE(backend.remaining.memory().plans, TimeRemaining::kMaxPending);
  std::weak_ptr<const Workflow> waited = pending[250];
  pending.clear();
  backend.remaining.EndsOfQueue({}, pending, kNow);
  EXPECT_EQ(backend.remaining.memory().plans, 0u);
  EXPECT_TRUE(waited.expired());

  for (std::size_t i = 0; i < TimeRemaining::kMaxRunning + 10; ++i) {
    backend.remaining.EndOfRunning(backend.Began(Made({.seed = 7}), true), kNow);
  }
  EXPECT_EQ(backend.remaining.memory().running, TimeRemaining::kMaxRunning);

  for (int i = 0; i < 1000; ++i) {
    backend.Run({.checkpoint = '"' + std::to_string(i) + ".ckpt\"", .steps = 1 + i % 100}, i % 2 == 0);
  }
  EXPECT_LE(backend.remaining.memory().kinds, NodeTimes::kMaxKinds);
  EXPECT_LE(backend.remaining.memory().shapes, ShapeTimes::kMaxShapes);
}

TEST(TimeRemaining, OfALongQueueTakesInNewEvidenceBitByBit) {
  Backend backend;
  for (int seed = 0; seed < 20; ++seed) backend.Run({.seed = seed}, true);
  std::vector<Shared> pending;
  for (std::size_t i = 0; i < 3 * TimeRemaining::kMaxRenewed; ++i) {
    pending.push_back(Made({.seed = 100, .steps = 10 + static_cast<int>(i)}));
  }
  const double before = backend.Queue(pending).back();
  EXPECT_EQ(backend.remaining.memory().forecasts, pending.size());
  for (int seed = 0; seed < 20; ++seed) backend.Run({.seed = seed}, true, {.step = 1s});
  const double first = backend.Queue(pending).back();
  backend.Queue(pending);
  const double last = backend.Queue(pending).back();
  EXPECT_GT(last, before * 1.8);
  EXPECT_LT(first, before * 1.5);
  EXPECT_EQ(backend.Queue(pending).back(), last);
}

TEST(TimeRemaining, OfARunThatWasNotHeardFromItsBeginningIsWhatIsLeftOfItsNodes) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  const Shared workflow = Made({.seed = 9});
  // Joined while it samples: what was cached, and when it began, is not known.
  RunState run{.workflow = workflow, .nodes = std::vector<NodeRun>(workflow->nodes().size()), .heard = true};
  run.nodes[*workflow->Find("5")] = {
      .state = State::kRunning, .fraction = 0.5, .step = 10, .steps = 20, .stepped = kNow, .step_time = 500ms};
  EXPECT_NEAR(Left(backend.remaining.EndOfRunning(run, kNow), kNow), 8, 0.5);
}

TEST(TimeRemaining, SaysTheSameWhenItIsAskedAgain) {
  Backend backend;
  for (int seed = 0; seed < 5; ++seed) backend.Run({.seed = seed}, true);
  const std::vector<Shared> pending = {Made({.seed = 8}), Made({.seed = 9}), Made({.seed = 9, .steps = 30}), Shared()};
  const auto first = backend.remaining.EndsOfQueue({}, pending, kNow);
  EXPECT_EQ(backend.remaining.EndsOfQueue({}, pending, kNow), first);
}

TEST(TimeRemaining, MakesABandThatNarrowsAsItsForecastsComeTrue) {
  Backend backend;
  backend.Run({}, true);
  const auto width = [&](int seed) {
    const auto estimate = *backend.remaining.EndsOfQueue({}, std::vector{Made({.seed = seed})}, kNow)[0];
    return estimate.latest_end - estimate.earliest_end;
  };
  const auto at_first = width(1000);
  for (int seed = 1; seed < 40; ++seed) backend.Run({.seed = seed}, true);
  EXPECT_LT(width(1001), at_first / 2);
}

}  // namespace
}  // namespace jobs
