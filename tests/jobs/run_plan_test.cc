#include "jobs/run_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "jobs/made_workflow.h"

namespace jobs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::set<std::string> IdsWhere(const Workflow& workflow, const std::vector<bool>& set) {
  std::set<std::string> ids;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i]) ids.insert(workflow.nodes()[i].id);
  }
  return ids;
}

RunPlan After(const TextToImage& before, const TextToImage& now) {
  const auto workflow = Made(now);
  return PlanRun(*workflow, Leftovers(*Made(before)).Cached(*workflow));
}

TEST(RunPlan, AfterAnotherSeedNeedsTheSamplerAndWhatIsBehindIt) {
  const auto plan = After({.seed = 1}, {.seed = 2});
  EXPECT_THAT(IdsWhere(*Made({}), plan.needed), ElementsAre("5", "6", "7"));
  EXPECT_THAT(IdsWhere(*Made({}), plan.cold), IsEmpty());
}

TEST(RunPlan, AfterAnotherPromptNeedsTheTextToo) {
  EXPECT_THAT(IdsWhere(*Made({}), After({}, {.prompt = "\"a dog\""}).needed), ElementsAre("3", "5", "6", "7"));
}

TEST(RunPlan, AfterTheSameNeedsNothing) {
  EXPECT_THAT(IdsWhere(*Made({}), After({}, {}).needed), IsEmpty());
}

TEST(RunPlan, AfterAnotherModelIsColdWhereverTheModelIsUsed) {
  const auto plan = After({.checkpoint = "\"sdxl.safetensors\""}, {});
  EXPECT_THAT(IdsWhere(*Made({}), plan.needed), ElementsAre("1", "3", "5", "6", "7"))
      << "the empty latent is still there";
  EXPECT_THAT(IdsWhere(*Made({}), plan.cold), ElementsAre("1", "3", "5", "6", "7"));
}

TEST(RunPlan, HasAShapeThatTellsWhatThereIsToDo) {
  const auto shape = After({.seed = 1}, {.seed = 2}).shape;
  EXPECT_EQ(After({.seed = 3}, {.seed = 4}).shape, shape);
  EXPECT_NE(After({.seed = 1, .steps = 30}, {.seed = 2, .steps = 30}).shape, shape);
  EXPECT_NE(After({.checkpoint = "\"sdxl.safetensors\""}, {}).shape, shape);
  EXPECT_NE(After({}, {.prompt = "\"a dog\""}).shape, shape);
}

TEST(RunPlan, HasAScalableShapeThatStepsAndSizesDoNotChange) {
  const auto plan = After({.seed = 1}, {.seed = 2});
  const auto more = After({.seed = 1, .steps = 40, .width = 1024}, {.seed = 2, .steps = 40, .width = 1024});
  EXPECT_EQ(more.scalable_shape, plan.scalable_shape);
  EXPECT_EQ(more.work, plan.work * 4);
  const auto cold = After({.checkpoint = "\"sdxl.safetensors\""}, {});
  EXPECT_NE(cold.scalable_shape, plan.scalable_shape);
  EXPECT_EQ(cold.cost_shape, plan.cost_shape);
}

TEST(Leftovers, OfAFailedRunAreTheNodesItFinished) {
  const auto workflow = Made({});
  RunState run{.workflow = workflow, .nodes = std::vector<NodeRun>(workflow->nodes().size()), .heard = true};
  run.nodes[*workflow->Find("1")].state = NodeRun::State::kCached;
  run.nodes[*workflow->Find("3")].state = NodeRun::State::kDone;
  run.nodes[*workflow->Find("5")].state = NodeRun::State::kRunning;
  EXPECT_THAT(IdsWhere(*workflow, Leftovers(run, false).Cached(*workflow)), ElementsAre("1", "3"));
  run.heard = false;
  EXPECT_THAT(IdsWhere(*workflow, Leftovers(run, false).Cached(*workflow)), ElementsAre("1", "4"));
  EXPECT_EQ(IdsWhere(*workflow, Leftovers(run, true).Cached(*workflow)).size(), 6u);
}

TEST(Leftovers, OfNothingAreNothing) {
  const auto workflow = Made({});
  EXPECT_THAT(IdsWhere(*workflow, Leftovers().Cached(*workflow)), IsEmpty());
  EXPECT_THAT(IdsWhere(*workflow, Leftovers(RunState{}, true).Cached(*workflow)), IsEmpty());
}

}  // namespace
}  // namespace jobs
