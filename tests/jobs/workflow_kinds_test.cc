#include <gtest/gtest.h>

#include "jobs/made_workflow.h"

namespace jobs {
namespace {

std::uint64_t SamplerKind(const TextToImage& what) {
  return NodeOf(*Made(what), "5").kind;
}

TEST(KindOfNode, IsTheSameWhateverSeedTextStepsAndLora) {
  const auto usual = SamplerKind({});
  EXPECT_EQ(SamplerKind({.seed = 2}), usual);
  EXPECT_EQ(SamplerKind({.prompt = "\"a dog\""}), usual);
  EXPECT_EQ(SamplerKind({.steps = 40}), usual);
  EXPECT_EQ(SamplerKind({.lora = "\"style.safetensors\""}), usual);
}

TEST(KindOfNode, DiffersWithModelSizeAndSampler) {
  const auto usual = SamplerKind({});
  EXPECT_NE(SamplerKind({.checkpoint = "\"sdxl.safetensors\""}), usual);
  EXPECT_NE(SamplerKind({.width = 768}), usual);
  EXPECT_NE(SamplerKind({.sampler = "\"heun\""}), usual);
}

TEST(KindOfNode, WithoutSizesDiffersWithTheModelOnly) {
  const auto kind = [](const TextToImage& what) { return NodeOf(*Made(what), "6").sizeless_kind; };
  EXPECT_EQ(kind({.width = 768}), kind({}));
  EXPECT_NE(kind({.checkpoint = "\"sdxl.safetensors\""}), kind({}));
}

TEST(SizeOfNode, IsInPixelsByWhatStandsAbove) {
  EXPECT_EQ(NodeOf(*Made({.width = 512, .height = 768}), "6").size, 512 * 768);
  EXPECT_EQ(NodeOf(*Made({}), "1").size, 0) << "a loader works on no picture";
  const std::vector<WorkflowNodeSource> nodes = {
      {"1", "EmptyLatentImage", {{"width", "64"}, {"height", "64"}, {"batch_size", "4"}}, {}},
      {"2", "LatentUpscaleBy", {{"scale_by", "1.5"}}, {{"samples", "1", "0"}}}};
  EXPECT_EQ(NodeOf(*Workflow::Build(nodes, {"2"}), "2").size, 64 * 64 * 2.25 * 4);
}

TEST(StepsOfNode, AreItsOwnOrThoseOfItsSigmasOrOfALinkedValue) {
  EXPECT_EQ(NodeOf(*Made({.steps = 30}), "5").steps, 30);
  EXPECT_EQ(NodeOf(*Made({.steps = 30}), "6").steps, 0);
  const std::vector<WorkflowNodeSource> nodes = {
      {"1", "PrimitiveInt", {{"value", "12"}}, {}},
      {"2", "BasicScheduler", {}, {{"steps", "1", "0"}}},
      {"3", "SamplerCustomAdvanced", {}, {{"sigmas", "2", "0"}}},
      {"4", "KSamplerAdvanced", {{"steps", "20"}, {"start_at_step", "5"}, {"end_at_step", "10000"}}, {}},
      {"5", "KSamplerAdvanced", {{"steps", "20"}, {"start_at_step", "0"}, {"end_at_step", "5"}}, {}},
      {"6", "KSampler", {{"steps", "-3"}}, {}},
      {"7", "KSampler", {{"steps", "NaN"}}, {}}};
  const auto workflow = *Workflow::Build(nodes, {"3"});
  EXPECT_EQ(NodeOf(workflow, "3").steps, 12);
  EXPECT_EQ(NodeOf(workflow, "4").steps, 15);
  EXPECT_EQ(NodeOf(workflow, "5").steps, 5);
  EXPECT_EQ(NodeOf(workflow, "6").steps, 0);
  EXPECT_EQ(NodeOf(workflow, "7").steps, 0);
}

TEST(LoadersOfModels, AreKnownByTheFilesTheyName) {
  const auto workflow = Made({.lora = "\"style.safetensors\""});
  EXPECT_TRUE(NodeOf(*workflow, "1").loads);
  EXPECT_TRUE(NodeOf(*workflow, "2").loads);
  for (const char* id : {"3", "4", "5", "6", "7"}) EXPECT_FALSE(NodeOf(*workflow, id).loads) << id;
}

}  // namespace
}  // namespace jobs
