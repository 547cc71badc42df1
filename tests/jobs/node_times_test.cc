#include "jobs/node_times.h"

#include <gtest/gtest.h>

#include <cmath>

#include "jobs/made_workflow.h"

namespace jobs {
namespace {

using namespace std::chrono_literals;
using Likeness = NodeTimes::Likeness;

const Time kNow{1'700'000'000s};

NodeRun Took(Duration time, std::int64_t steps = 0, Duration step_time = {}) {
  NodeRun run{.state = NodeRun::State::kDone, .steps = steps, .began = kNow, .ended = kNow + time};
  if (steps > 0) run.step_time = step_time;
  return run;
}

double Expected(const NodeTimes& times, const Workflow& workflow, const std::string& id, bool cold = false) {
  const auto expected = times.Expect(NodeOf(workflow, id), cold);
  return expected ? expected->total : std::nan("");
}

TEST(NodeTimes, ExpectTheMedianOfTheSameKindSoThatAnOutlierDoesNotMatter) {
  NodeTimes times;
  const auto workflow = Made({});
  EXPECT_FALSE(times.Expect(NodeOf(*workflow, "6"), false));
  for (const auto took : {2s, 3s, 400s, 2s, 3s}) times.Add(NodeOf(*workflow, "6"), false, Took(took));
  EXPECT_EQ(Expected(times, *workflow, "6"), 3);
  EXPECT_EQ(times.Expect(NodeOf(*workflow, "6"), false)->likeness, Likeness::kSame);
}

TEST(NodeTimes, GrowWithTheStepsAsOneStepTakesAndTheRestDoesNot) {
  NodeTimes times;
  times.Add(NodeOf(*Made({.steps = 20}), "5"), false, Took(12s, 20, 500ms));
  EXPECT_EQ(Expected(times, *Made({.steps = 40}), "5"), 22);
  EXPECT_EQ(times.Expect(NodeOf(*Made({.steps = 40}), "5"), false)->likeness, Likeness::kSame);
}

TEST(NodeTimes, KeepLoadingOfModelsApart) {
  NodeTimes times;
  const auto workflow = Made({});
  times.Add(NodeOf(*workflow, "5"), true, Took(17s, 20, 500ms));
  EXPECT_EQ(Expected(times, *workflow, "5", false), 10) << "what was loaded is there";
  times.Add(NodeOf(*workflow, "5"), false, Took(11s, 20, 500ms));
  EXPECT_EQ(Expected(times, *workflow, "5", false), 11);
  EXPECT_EQ(Expected(times, *workflow, "5", true), 17);
}

TEST(NodeTimes, GrowWithTheSizeWhereThatSizeWasNotSeenYet) {
  NodeTimes times;
  times.Add(NodeOf(*Made({.width = 512}), "6"), false, Took(2s));
  const auto larger = Made({.width = 1024});
  EXPECT_NEAR(Expected(times, *larger, "6"), 4, 1e-9);
  EXPECT_EQ(times.Expect(NodeOf(*larger, "6"), false)->likeness, Likeness::kSimilar);
  times.Add(NodeOf(*larger, "6"), false, Took(5s));
  EXPECT_EQ(Expected(times, *larger, "6"), 5);
}

TEST(NodeTimes, OfTheSameClassAreBetterThanNone) {
  NodeTimes times;
  times.Add(NodeOf(*Made({}), "1"), true, Took(6s));
  const auto other = Made({.checkpoint = "\"sdxl.safetensors\""});
  EXPECT_EQ(Expected(times, *other, "1", true), 6);
  EXPECT_EQ(times.Expect(NodeOf(*other, "1"), true)->likeness, Likeness::kClass);
}

TEST(NodeTimes, AreNotScaledToASizeThatIsNotKnown) {
  NodeTimes times;
  times.Add(NodeOf(*Made({}), "7"), false, Took(2s));
  const auto unsized = *Workflow::Build(
      {{"1", "LoadImage", {{"image", "\"a.png\""}}, {}}, {"2", "SaveImage", {}, {{"images", "1", "0"}}}}, {"2"});
  EXPECT_EQ(Expected(times, unsized, "2"), 2);
}

TEST(NodeTimes, TakeNoEvidenceFromWhatWasNotHeardOrRunsBackwards) {
  NodeTimes times;
  const auto workflow = Made({});
  const auto& node = NodeOf(*workflow, "6");
  times.Add(node, false, {.state = NodeRun::State::kRunning, .began = kNow});
  times.Add(node, false, {.state = NodeRun::State::kCached});
  times.Add(node, false, {.state = NodeRun::State::kDone, .ended = kNow});
  times.Add(node, false, {.state = NodeRun::State::kDone, .began = kNow});
  times.Add(node, false, Took(-1s));
  EXPECT_EQ(times.size(), 0u);
  times.Add(node, false, Took(0s));
  EXPECT_EQ(Expected(times, *Made({}), "6"), 0);
}

TEST(NodeTimes, RememberABoundedNumberOfKinds) {
  NodeTimes times;
  const auto workflow = MadeChain(NodeTimes::kMaxKinds + 1000, "Odd");
  for (const auto& node : workflow->nodes()) times.Add(node, false, Took(1s));
  EXPECT_EQ(times.size(), NodeTimes::kMaxKinds);
  EXPECT_EQ(times.Expect(workflow->nodes().back(), false)->likeness, Likeness::kSame);
  EXPECT_EQ(times.Expect(workflow->nodes().front(), false)->likeness, Likeness::kClass) << "the oldest is forgotten";
}

TEST(NodeTimes, RememberTheLastOfAKind) {
  NodeTimes times;
  const auto workflow = Made({});
  for (std::size_t i = 0; i < NodeTimes::kMaxSamples; ++i) times.Add(NodeOf(*workflow, "6"), false, Took(100s));
  for (std::size_t i = 0; i < NodeTimes::kMaxSamples; ++i) times.Add(NodeOf(*workflow, "6"), false, Took(1s));
  EXPECT_EQ(Expected(times, *workflow, "6"), 1);
}

}  // namespace
}  // namespace jobs
