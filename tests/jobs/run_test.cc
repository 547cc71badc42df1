#include "jobs/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "jobs/heard.h"

namespace jobs {
namespace {

using namespace std::chrono_literals;
using heard::Draw;
using heard::Finished;
using heard::InWords;
using heard::Running;
using heard::States;
using Channel = RunEvent::Channel;
using Told = decltype(RunEvent::what);

const Time kNow{1'700'000'000s};

// A run that is told of, event by event.
struct Listened {
  Run run;
  Time now = kNow;
  Channel channel = Channel::kSeat;
  bool replayed = false;

  explicit Listened(std::shared_ptr<const Workflow> workflow = nullptr) { run.SetWorkflow(std::move(workflow)); }

  // How far it is then.
  std::string Hear(Told what, Duration later = 10ms) {
    now += later;
    run.Hear({.job_id = "job", .channel = channel, .replayed = replayed, .heard_at = now, .what = std::move(what)});
    return InWords(run.progress());
  }
  std::string Began() { return Hear(RunEvent::Began{}); }
  std::string Cached(std::vector<std::string> nodes) { return Hear(RunEvent::Cached{std::move(nodes)}); }
  std::string Executing(const std::string& node, const std::string& display_node = "") {
    return Hear(RunEvent::Executing{node, display_node});
  }
  std::string Step(const std::string& node, double value, double max) { return Hear(RunEvent::Step{node, value, max}); }
  std::string Says(std::vector<RunEvent::NodeState> nodes) { return Hear(States(std::move(nodes))); }
  std::string Over() { return Hear(RunEvent::Over{}); }
  std::string Failed() { return Hear(RunEvent::Over{.failed = true}); }

  const NodeRun& Node(const std::string& id) const { return run.state().nodes[*run.state().workflow->Find(id)]; }
};

// 1 Loader ─► 2 KSampler ─► 3 VAEDecode ─► 4 SaveImage
std::shared_ptr<const Workflow> Chain() {
  return Draw({{"1", "Loader"}, {"2", "KSampler", {"1"}}, {"3", "VAEDecode", {"2"}}, {"4", "SaveImage", {"3"}}}, {"4"});
}

TEST(Run, KnowsNothingBeforeAnyNodeIsHeardOf) {
  Listened run(Chain());
  EXPECT_EQ(run.run.progress(), std::nullopt);
  EXPECT_EQ(run.Began(), "nothing");
  EXPECT_EQ(run.Cached({}), "0% 0/4");
}

TEST(Run, KnowsNothingWithoutTheWorkflow) {
  Listened run;
  run.Began();
  run.Cached({"1"});
  EXPECT_EQ(run.Step("2", 1, 4), "nothing");
  EXPECT_EQ(run.Over(), "nothing");
}

TEST(Run, KnowsNothingWhenNothingIsToBeExecuted) {
  Listened run(Chain());
  EXPECT_EQ(run.Cached({"1", "2", "3", "4"}), "nothing");
  Listened empty(Draw({}, {}));
  EXPECT_EQ(empty.Cached({}), "nothing");
  EXPECT_EQ(empty.Executing("1"), "nothing");
}

TEST(Run, GoesFromNodeToNodeByExecutingAndProgressAsOldVersionsTell) {
  Listened run(Chain());
  run.Began();
  run.Cached({});
  EXPECT_EQ(run.Executing("1"), "0% 0/4 1:Loader");
  EXPECT_EQ(run.Executing("2"), "25% 1/4 2:KSampler");
  EXPECT_EQ(run.Step("2", 1, 4), "31.25% 1/4 2:KSampler 1/4");
  EXPECT_EQ(run.Step("2", 4, 4), "50% 1/4 2:KSampler 4/4");
  EXPECT_EQ(run.Executing("3"), "50% 2/4 3:VAEDecode");
  EXPECT_EQ(run.Executing("4"), "75% 3/4 4:SaveImage");
  EXPECT_EQ(run.Over(), "100% 4/4");
  EXPECT_EQ(run.Over(), "100% 4/4");
}

TEST(Run, GoesFromNodeToNodeByProgressState) {
  Listened run(Chain());
  run.Cached({});
  EXPECT_EQ(run.Says({Running("1")}), "0% 0/4 1:Loader");
  EXPECT_EQ(run.Says({Finished("1")}), "25% 1/4");
  EXPECT_EQ(run.Says({Finished("1"), Running("2")}), "25% 1/4 2:KSampler");
  EXPECT_EQ(run.Says({Finished("1"), Running("2", 1, 4)}), "31.25% 1/4 2:KSampler 1/4");
  EXPECT_EQ(run.Says({Finished("1"), Finished("2", 4), Finished("3"), Running("4")}), "75% 3/4 4:SaveImage");
  EXPECT_EQ(run.Says({Finished("1"), Finished("2", 4), Finished("3"), Finished("4")}), "100% 4/4");
}

TEST(Run, CountsOnlyTheNodesThatItsOutputsReach) {
  Listened run(Draw({{"1", "Loader"}, {"2", "SaveImage", {"1"}}, {"3", "Loader"}, {"4", "SaveImage", {"3"}}}, {"2"}));
  EXPECT_EQ(run.Executing("1"), "0% 0/2 1:Loader");
}

TEST(Run, CountsCachedNodesNeitherAsDoneNorAsToBeDone) {
  Listened run(Chain());
  EXPECT_EQ(run.Cached({"1", "2", "nobody"}), "0% 0/2");
  EXPECT_EQ(run.run.progress()->cached_nodes, 2);
  EXPECT_EQ(run.Executing("3"), "0% 0/2 3:VAEDecode");
  EXPECT_EQ(run.Executing("4"), "50% 1/2 4:SaveImage");
}

TEST(Run, CountsWhatOnlyCachedNodesNeedAsNotToBeDone) {
  Listened run(Chain());
  EXPECT_EQ(run.Cached({"3"}), "0% 0/1");
}

TEST(Run, TakesACachedOutputThatIsToldAsFinishedForCached) {
  Listened run(Draw({{"5", "EmptyImage"}, {"6", "PreviewImage", {"5"}}, {"1", "Explode"}, {"2", "PreviewImage", {"1"}}},
                    {"6", "2"}));
  EXPECT_EQ(run.Says({Finished("6"), Running("1")}), "0% 0/2 1:Explode");  // S v0.3.64/27, of a job without client id
  EXPECT_EQ(run.run.progress()->cached_nodes, 2);
}

TEST(Run, OfAJobWithoutClientIdLearnsFromTheFirstStepThatWhatItTakesWasInTheCache) {
  Listened run(Chain());  // a rerun with another seed: nobody is told execution_cached
  EXPECT_EQ(run.Says({Running("2")}), "0% 0/4 2:KSampler");
  EXPECT_EQ(run.Says({Running("2", 1, 4)}), "8.333% 0/3 2:KSampler 1/4");
  EXPECT_EQ(run.run.progress()->cached_nodes, 1);
  EXPECT_EQ(run.Says({Finished("2", 4), Running("3")}), "33.33% 1/3 3:VAEDecode");
  EXPECT_FALSE(run.run.state().cached_known);
}

TEST(Run, JoinedLateBefore0345CallsNothingCachedSinceItMayHaveRunBefore) {
  Listened run(Chain());
  run.Step("2", 1, 4);
  EXPECT_EQ(run.run.progress()->cached_nodes, 0);
}

TEST(Run, JoinedLateBefore0345TheNodeThatMakesStepsIsTheOneThatRuns) {
  Listened run(
      Draw({{"1", "KSampler"}, {"2", "Upscale", {"1"}}, {"3", "KSampler", {"2"}}, {"4", "SaveImage", {"3"}}}, {"4"}));
  EXPECT_EQ(run.Step("1", 1, 2), "12.5% 0/4 1:KSampler 1/2");
  EXPECT_EQ(run.Step("1", 2, 2), "25% 0/4 1:KSampler 2/2");
  EXPECT_EQ(run.Step("3", 1, 2), "50% 1/3 3:KSampler 1/2");  // that 2 began was missed
}

TEST(Run, ProgressWithoutANodeIsOfTheOneThatExecutes) {
  Listened run(Chain());
  run.Executing("2");
  EXPECT_EQ(run.Hear(RunEvent::Step{std::nullopt, 2, 4}), "16.67% 0/3 2:KSampler 2/4");
  Listened stranger(Chain());
  EXPECT_EQ(stranger.Hear(RunEvent::Step{std::nullopt, 2, 4}), "nothing");
}

TEST(Run, ShowsSeveralNodesAtOnceAndNamesTheOneThatCountsItsSteps) {
  Listened run(Draw({{"1", "AsyncSlow"}, {"2", "Api"}, {"3", "PreviewImage", {"1", "2"}}}, {"3"}));
  run.Cached({});
  EXPECT_EQ(run.Says({Running("2"), Running("1")}), "0% 0/3 1:AsyncSlow");
  EXPECT_EQ(run.Says({Running("2", 1, 2), Running("1")}), "16.67% 0/3 2:Api 1/2");
  EXPECT_EQ(run.Says({Running("2", 1, 2), Running("1", 1, 4)}), "25% 0/3 1:AsyncSlow 1/4");
  EXPECT_EQ(run.Says({Running("2", 2, 2), Finished("1", 4)}), "66.67% 1/3 2:Api 2/2");
}

TEST(Run, OfALazyNodeAndTheOneItWaitsForNamesTheLatter) {
  Listened run(Draw({{"1", "Loader"}, {"2", "LazyPick", {"1"}}, {"3", "PreviewImage", {"2"}}}, {"3"}));
  run.Cached({});
  EXPECT_EQ(run.Says({Running("2")}), "0% 0/3 2:LazyPick");
  EXPECT_EQ(run.Says({Running("2"), Running("1")}), "0% 0/3 1:Loader");
  EXPECT_EQ(run.Says({Running("2"), Finished("1")}), "33.33% 1/3 2:LazyPick");
}

TEST(Run, BeforeProgressStateALazyNodeThatIsBegunTwiceIsDoneOnce) {
  Listened run(Draw({{"1", "Loader"}, {"2", "LazyPick", {"1"}}, {"3", "PreviewImage", {"2"}}}, {"3"}));
  run.Cached({});
  EXPECT_EQ(run.Executing("2"), "0% 0/3 2:LazyPick");
  EXPECT_EQ(run.Executing("1"), "0% 0/3 1:Loader");
  EXPECT_EQ(run.Executing("2"), "33.33% 1/3 2:LazyPick");
  EXPECT_EQ(run.Executing("3"), "66.67% 2/3 3:PreviewImage");
}

TEST(Run, TheBranchThatALazyNodeDidNotTakeIsNotWaitedFor) {
  const auto workflow =
      Draw({{"1", "KSampler"}, {"2", "KSampler"}, {"3", "LazySwitch", {"1", "2"}}, {"4", "SaveImage", {"3"}}}, {"4"});
  Listened run(workflow);
  run.Cached({});
  run.Says({Running("3")});
  EXPECT_EQ(run.Says({Running("3"), Finished("1")}), "25% 1/4 3:LazySwitch");
  EXPECT_EQ(run.Says({Finished("3"), Finished("1"), Running("4")}), "66.67% 2/3 4:SaveImage");
  EXPECT_EQ(run.Says({Finished("3"), Finished("1"), Finished("4")}), "100% 3/3");
  EXPECT_EQ(run.run.progress()->cached_nodes, 0);

  Listened old(workflow);
  old.Began();
  old.Cached({});
  old.Executing("3");
  old.Executing("1");
  old.Executing("3");
  old.Executing("4");
  EXPECT_EQ(old.Over(), "100% 3/3");
}

TEST(Run, AnExpandedNodeIsAsFarAsItsPartsAndItsStepsAreTheirs) {
  Listened run(Draw({{"1", "Expander"}, {"2", "PreviewImage", {"1"}}}, {"2"}));
  run.Cached({});
  EXPECT_EQ(run.Says({Running("1")}), "0% 0/2 1:Expander");
  EXPECT_EQ(run.Says({Running("1"), Running("1.0.0.1", 0, 1, "1")}), "0% 0/2 1:Expander");
  EXPECT_EQ(run.Says({Running("1"), Running("1.0.0.1", 1, 2, "1")}), "12.5% 0/2 1:Expander 1/2");
  EXPECT_EQ(run.Step("1.0.0.1", 2, 2), "25% 0/2 1:Expander 2/2");
  EXPECT_EQ(run.Says({Running("1"), Finished("1.0.0.1", 2, "1"), Finished("1.0.0.3", 1, "1")}),
            "33.33% 0/2 1:Expander 2/2");
  EXPECT_EQ(run.Says({Finished("1"), Finished("1.0.0.1", 2, "1"), Running("2")}), "50% 1/2 2:PreviewImage");
  EXPECT_EQ(run.Says({Running("1.0.0.9", 1, 2, "1"), Running("2")}), "50% 1/2 2:PreviewImage");
}

TEST(Run, ALoopThatExpandsForEverNeverFallsAndNeverGetsThere) {
  Listened run(Draw({{"1", "Loop"}, {"2", "PreviewImage", {"1"}}}, {"2"}));
  run.Cached({});
  double before = 0;
  std::string part = "1";
  for (int turn = 0; turn < 1500; ++turn) {
    part = "1.0.0." + std::to_string(turn);
    run.Says({Running("1"), Running(part, 0, 1, "1")});
    run.Says({Finished(part, 1, "1")});
    const double percentage = run.run.progress()->percentage;
    ASSERT_GE(percentage, before);
    ASSERT_LT(percentage, 50);
    before = percentage;
  }
  EXPECT_GT(before, 49);
}

TEST(Run, APartIsKnownByTheNodeItsIdBeginsWithWhenNoNodeIsNamed) {
  Listened run(Draw({{"1", "A"}, {"1.5", "Loop"}, {"2", "SaveImage", {"1", "1.5"}}}, {"2"}));
  run.Cached({});
  EXPECT_EQ(run.Step("1.5.0.0.7", 1, 2), "8.333% 0/3 1.5:Loop 1/2");
  EXPECT_EQ(run.Step("1.4.0.0.7", 1, 2), "41.67% 1/3 1:A 1/2");
  EXPECT_EQ(run.Step("9.0.0.7", 1, 2), "41.67% 1/3 1:A 1/2");  // of nobody
}

TEST(Run, ANodeThatIsRunForEachItemOfAListCountsItsStepsAnewAndDoesNotFallBack) {
  Listened run(Chain());
  run.Cached({"1"});
  run.Says({Running("2", 4, 4)});
  EXPECT_EQ(run.Says({Running("2", 1, 4)}), "33.33% 0/3 2:KSampler 1/4");
  EXPECT_EQ(run.Says({Running("2", 1, 20)}), "33.33% 0/3 2:KSampler 1/20");
}

TEST(Run, AFailedNodeIsNotDone) {
  Listened run(Chain());
  run.Cached({});
  run.Executing("1");
  run.Executing("2");
  EXPECT_EQ(run.Failed(), "25% 1/4");
  EXPECT_EQ(run.Over(), "25% 1/4");  // the `executing null` that follows
  EXPECT_EQ(run.Node("2").state, NodeRun::State::kWaiting);

  Listened newer(Chain());
  newer.Cached({});
  newer.Says({Finished("1"), Running("2", 2, 4)});
  EXPECT_EQ(newer.Failed(), "37.5% 1/4");
}

TEST(Run, JoinedLateTakesWhatIsToldAsFinishedForDoneAtAnUnknownTime) {
  Listened run(Chain());
  EXPECT_EQ(run.Says({Finished("1"), Running("2", 3, 4)}), "43.75% 1/4 2:KSampler 3/4");
  EXPECT_FALSE(run.Node("1").began || run.Node("1").ended);
  EXPECT_FALSE(run.Node("2").began);
}

TEST(Run, JoinedLateTakesNoNodeForCachedThatIsToldAsFinishedInAnyOrder) {
  Listened run(Draw({{"1", "Loader"}, {"2", "LazyPick", {"1"}}, {"3", "PreviewImage", {"2"}}}, {"3"}));
  EXPECT_EQ(run.Says({Finished("2"), Finished("1"), Running("3")}), "66.67% 2/3 3:PreviewImage");
  EXPECT_EQ(run.run.progress()->cached_nodes, 0);
}

TEST(Run, JoinedLateByAReplayHasABeginningByComfyuisClockAndNoneOfItsNode) {
  Listened run(Chain());
  run.replayed = true;
  run.channel = Channel::kMirror;
  run.Hear(RunEvent::Began{kNow - 5s});
  run.Cached({"1"});
  EXPECT_EQ(run.Executing("3"), "0% 0/3 3:VAEDecode");
  EXPECT_EQ(run.run.state().began, kNow - 5s);
  EXPECT_FALSE(run.Node("3").began);
  EXPECT_EQ(run.run.progress()->source, ProgressSource::kCompanion);
}

TEST(Run, JoinedLateByAReplayBefore0345TakesWhatIsNotCachedAndWasGivenForDone) {
  Listened run(Chain());
  run.replayed = true;
  run.Began();
  run.Cached({"1"});
  EXPECT_EQ(run.Executing("3"), "0% 0/3 3:VAEDecode");  // it may be lazy, and wait for 2
  run.replayed = false;
  EXPECT_EQ(run.Step("3", 1, 2), "50% 1/3 3:VAEDecode 1/2");
  EXPECT_EQ(run.Executing("4"), "66.67% 2/3 4:SaveImage");
  EXPECT_FALSE(run.Node("2").ended);
}

TEST(Run, JoinedLateTakesAnExpandedNodeThatIsToldAsFinishedForDoneWhateverItsPartsSay) {
  Listened run(Draw({{"1", "Expander"}, {"2", "PreviewImage", {"1"}}}, {"2"}));
  EXPECT_EQ(run.Says({Finished("1"), Finished("1.0.0.1", 2, "1"), Running("2")}), "50% 1/2 2:PreviewImage");
  EXPECT_FALSE(run.Node("1").began || run.Node("1").ended);
}

TEST(Run, JoinedLateDoesNotKnowWhenANodeWithoutStepsBegan) {
  Listened run(Chain());
  run.Says({Finished("1"), Finished("2"), Running("3")});
  EXPECT_FALSE(run.Node("3").began);
  run.Says({Finished("3"), Running("4")});
  EXPECT_TRUE(run.Node("4").began);
  Listened from_the_start(Chain());
  from_the_start.Began();
  from_the_start.Says({Finished("1"), Running("2")});
  EXPECT_TRUE(from_the_start.Node("2").began);
}

TEST(Run, UnderstandsWhatItHeardBeforeTheWorkflowWasKnown) {
  Listened run;
  run.Began();
  run.Cached({"1"});
  run.Says({Running("2", 2, 4)});
  EXPECT_EQ(run.run.progress(), std::nullopt);
  run.run.SetWorkflow(Chain());
  EXPECT_EQ(InWords(run.run.progress()), "16.67% 0/3 2:KSampler 2/4");
  run.run.SetWorkflow(Draw({{"9", "Other"}}, {"9"}));
  EXPECT_EQ(InWords(run.run.progress()), "16.67% 0/3 2:KSampler 2/4");
}

TEST(Run, WithoutTheWorkflowKeepsTheCacheAndTheNewestEventsUpToABound) {
  Listened run;
  run.Cached({"1"});
  for (std::size_t i = 0; i < 3 * jobs::Run::kMaxUnplaced; ++i) run.Step("2", 1, 1000 - static_cast<double>(i));
  run.Executing("3");
  run.run.SetWorkflow(Chain());
  EXPECT_EQ(run.run.progress()->cached_nodes, 1);
  EXPECT_EQ(run.run.progress()->current_node->node_id, "3");
}

TEST(Run, WithoutTheWorkflowKeepsNoMoreOfHugeEventsThanABound) {
  Listened run;
  run.Cached({"1"});
  for (int i = 0; i < 50; ++i) {
    std::vector<RunEvent::NodeState> nodes;
    for (int part = 0; part < 5'000; ++part) nodes.push_back(Running("2.0.0." + std::to_string(part), 0, 1, "2"));
    nodes.push_back(Running("3"));
    run.Says(std::move(nodes));
    ASSERT_LE(run.run.unplaced_bytes(), jobs::Run::kMaxUnplacedBytes);
  }
  run.run.SetWorkflow(Chain());
  EXPECT_EQ(run.run.unplaced_bytes(), 0u);
  EXPECT_EQ(run.run.progress()->cached_nodes, 1);
  EXPECT_EQ(run.run.progress()->current_node->node_id, "2");
}

TEST(Run, MeasuresTheMedianOfTheLastSteps) {
  Listened run(Chain());
  run.Hear(RunEvent::Executing{"2"});
  run.Hear(RunEvent::Step{"2", 1, 20}, 9s);  // loads the model first
  EXPECT_EQ(run.Node("2").step_time, std::nullopt);
  for (int step = 2; step < 8; ++step)
    run.Hear(RunEvent::Step{"2", static_cast<double>(step), 20}, step == 5 ? 3s : 1s);
  EXPECT_EQ(run.Node("2").step_time, 1s);
  run.Hear(RunEvent::Step{"2", 7, 20}, 1s);  // told twice
  run.Hear(RunEvent::Step{"2", 9, 20}, 1s);  // two at once: half the time since, 2 s, each
  EXPECT_EQ(run.Node("2").step_time, 1s);
  run.Hear(RunEvent::Step{"2", 1, 20}, 60s);  // begins again
  EXPECT_EQ(run.Node("2").step_time, 1s);
}

TEST(Run, TellsWhoseEventsItRestsOn) {
  const auto source = [](Submitter submitter, Channel channel, const Told& what) {
    Listened run(Chain());
    run.run.SetSubmitter(submitter);
    run.channel = channel;
    run.Hear(what);
    return run.run.progress()->source;
  };
  const Told executing = RunEvent::Executing{"1"};
  const Told states = States({Running("1")});
  EXPECT_EQ(source(Submitter::kService, Channel::kSeat, states), ProgressSource::kOwned);
  EXPECT_EQ(source(Submitter::kNobody, Channel::kSeat, states), ProgressSource::kBroadcast);
  EXPECT_EQ(source(Submitter::kOther, Channel::kSeat, states), ProgressSource::kBroadcast);  // 0.3.45 to 0.3.57
  EXPECT_EQ(source(Submitter::kUnknown, Channel::kSeat, states), ProgressSource::kBroadcast);
  EXPECT_EQ(source(Submitter::kUnknown, Channel::kSeat, executing), ProgressSource::kOwned);
  EXPECT_EQ(source(Submitter::kOther, Channel::kAttached, executing), ProgressSource::kAttached);
  EXPECT_EQ(source(Submitter::kOther, Channel::kMirror, executing), ProgressSource::kCompanion);
}

TEST(Run, KeepsItsOwnWordForItsBeginningOverTheQueues) {
  Listened run(Chain());
  run.run.SetBegan(kNow);
  EXPECT_EQ(run.run.state().began, kNow);
  run.Began();
  EXPECT_EQ(run.run.state().began, kNow + 10ms);
  run.run.SetBegan(kNow + 20s);
  EXPECT_EQ(run.run.state().began, kNow + 10ms);
}

TEST(Run, OddNumbersMakeNoOddProgress) {
  const double inf = std::numeric_limits<double>::infinity();
  for (const double odd : {std::nan(""), inf, -inf, -5.0, 1e300, -1e300, 5e-324, 0.0}) {
    for (const auto& [value, max] : {std::pair(odd, 20.0), std::pair(3.0, odd), std::pair(odd, odd)}) {
      Listened run(Chain());
      run.Cached({});
      run.Says({Running("2", value, max)});
      run.Step("2", value, max);
      run.Says({Running("1.0.0.1", value, max, "1")});
      const auto progress = run.run.progress();
      ASSERT_TRUE(progress) << value << " of " << max;
      EXPECT_TRUE(progress->percentage >= 0 && progress->percentage <= 50) << value << " of " << max;
      ASSERT_TRUE(progress->current_node);
      EXPECT_GE(progress->current_node->current_step, 0) << value << " of " << max;
      EXPECT_LE(progress->current_node->current_step, progress->current_node->total_steps) << value << " of " << max;
    }
  }
}

TEST(Run, StepsBeyondTheLastAreTheLast) {
  Listened run(Chain());
  run.Cached({});
  EXPECT_EQ(run.Step("1", 7, 5), "25% 0/4 1:Loader 5/5");
}

// What is true of progress whatever was heard. `before`: the percentage that was told last.
void ExpectSound(const Run& run, double& before) {
  const auto progress = run.progress();
  if (!progress) return;
  ASSERT_GE(progress->percentage, before);
  ASSERT_LE(progress->percentage, 100);
  ASSERT_GE(progress->completed_nodes, 0);
  ASSERT_GT(progress->total_nodes, 0);
  ASSERT_LE(progress->completed_nodes, progress->total_nodes);
  const Workflow& workflow = *run.state().workflow;
  ASSERT_LE(static_cast<std::size_t>(progress->total_nodes + progress->cached_nodes), workflow.nodes().size());
  before = progress->percentage;
  if (!progress->current_node) return;
  const auto index = workflow.Find(progress->current_node->node_id);
  ASSERT_TRUE(index);
  ASSERT_EQ(progress->current_node->node_type, workflow.nodes()[*index].class_type);
  ASSERT_GE(progress->current_node->current_step, 0);
  ASSERT_LE(progress->current_node->current_step, progress->current_node->total_steps);
}

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  int Below(int bound) { return static_cast<int>(random_() % static_cast<unsigned>(bound)); }
  template <class T>
  const T& Of(const std::vector<T>& choices) {
    return choices[static_cast<std::size_t>(Below(static_cast<int>(choices.size())))];
  }

  std::shared_ptr<const Workflow> Graph() {
    std::vector<heard::Drawn> nodes;
    std::vector<std::string> outputs;
    const int size = 1 + Below(12);
    for (int i = 0; i < size; ++i) {
      heard::Drawn node{std::to_string(i), "Class" + std::to_string(Below(4))};
      for (int link = Below(4); link > 0; --link) node.inputs.push_back(std::to_string(Below(size)));  // cycles too
      nodes.push_back(node);
      if (Below(3) == 0) outputs.push_back(node.id);
    }
    return Draw(nodes, outputs);
  }

  std::string Node() {
    const std::string id = std::to_string(Below(14));
    return Below(4) > 0 ? id : id + ".0.0." + std::to_string(Below(5));
  }
  double Number() {
    const double inf = std::numeric_limits<double>::infinity();
    if (Below(4) > 0) return Below(21);
    return Of(std::vector<double>{std::nan(""), inf, -inf, -1, 0.5, 1e18, 1e308, -1e308});
  }
  RunEvent::NodeState State() {
    const std::string node = Node();
    return {node, Below(2) == 0 ? node.substr(0, node.find('.')) : "", Below(2) == 0, Number(), Number()};
  }
  Told Event() {
    switch (Below(9)) {
      case 0:
        return RunEvent::Began{Below(2) == 0 ? std::optional(kNow) : std::nullopt};
      case 1:
        return RunEvent::Cached{{Node(), Node()}};
      case 2:
      case 3:
        return RunEvent::Executing{Node(), Below(2) == 0 ? Node() : ""};
      case 4:
      case 5:
        return RunEvent::Step{Below(5) > 0 ? std::optional(Node()) : std::nullopt, Number(), Number()};
      case 6:
        if (Below(4) == 0) return RunEvent::Over{Below(2) == 0};
        [[fallthrough]];
      default: {
        RunEvent::NodeStates states;
        for (int i = Below(5); i > 0; --i) states.nodes.push_back(State());
        return states;
      }
    }
  }

 private:
  std::mt19937 random_;
};

TEST(Run, StaysSoundWhateverComesInWhateverOrder) {
  for (unsigned seed = 0; seed < 3'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chance chance(seed);
    const auto workflow = chance.Graph();
    const int events = 1 + chance.Below(60);
    const int workflow_known_at = chance.Below(2 * events);  // maybe never
    jobs::Run run;
    Time now = kNow;
    double percentage = 0;
    for (int i = 0; i < events; ++i) {
      if (i == workflow_known_at) run.SetWorkflow(workflow);
      const RunEvent event{.job_id = "job",
                           .channel = chance.Of(std::vector{Channel::kSeat, Channel::kAttached, Channel::kMirror}),
                           .replayed = chance.Below(5) == 0,
                           .heard_at = now += 1ms * chance.Below(1000),
                           .what = chance.Event()};
      for (int times = 1 + (chance.Below(4) == 0); times > 0; --times) run.Hear(event);
      ExpectSound(run, percentage);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// What ComfyUI tells of a run, in order, by a model of it: nodes one after the other, in both families of events.
TEST(Run, GetsToTheEndThoughEventsAreDroppedDoubledAndOutOfOrder) {
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Chance chance(seed);
    const auto workflow = Chain();
    const bool states_told = chance.Below(2) == 0;
    std::vector<Told> told = {RunEvent::Began{}, RunEvent::Cached{}};
    std::vector<RunEvent::NodeState> done;
    for (const auto& node : workflow->nodes()) {
      const auto with = [&](RunEvent::NodeState state) {
        auto all = done;
        all.push_back(std::move(state));
        if (states_told) told.push_back(States(std::move(all)));
      };
      with(Running(node.id));
      told.push_back(RunEvent::Executing{node.id, node.id});
      for (int step = 1; step <= 5; ++step) {
        with(Running(node.id, step, 5));
        told.push_back(RunEvent::Step{node.id, static_cast<double>(step), 5});
      }
      with(Finished(node.id, 5));
      done.push_back(Finished(node.id, 5));
    }
    const Told last = told.back();
    Listened run(workflow);
    double percentage = 0;
    for (std::size_t i = 0; i < told.size(); ++i) {
      if (chance.Below(10) == 0 && i + 1 < told.size()) std::swap(told[i], told[i + 1]);
      if (chance.Below(10) == 0) continue;
      for (int times = 1 + (chance.Below(10) == 0); times > 0; --times) run.Hear(told[i]);
      ExpectSound(run.run, percentage);
      if (testing::Test::HasFatalFailure()) return;
    }
    if (!states_told) continue;  // the end of the last node is told by what follows
    EXPECT_THAT(run.Hear(last), testing::StartsWith("100% "));
  }
}

}  // namespace
}  // namespace jobs
