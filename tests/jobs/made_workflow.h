#pragma once

#include <memory>
#include <string>
#include <vector>

#include "jobs/workflow.h"

// Workflows for tests.
namespace jobs {

struct TextToImage {
  std::string checkpoint = "\"sd15.safetensors\"";
  std::string lora;  // empty: none
  int seed = 1;
  std::string prompt = "\"a cat\"";
  int steps = 20;
  int width = 512;
  int height = 512;
  std::string sampler = "\"euler\"";
};

// checkpoint 1 [lora 2], prompt 3, latent 4, sampler 5, decode 6, save 7; the ids.
inline std::shared_ptr<const Workflow> Made(const TextToImage& what) {
  const std::string model = what.lora.empty() ? "1" : "2";
  std::vector<WorkflowNodeSource> nodes = {
      {"1", "CheckpointLoaderSimple", {{"ckpt_name", what.checkpoint}}, {}},
      {"3", "CLIPTextEncode", {{"text", what.prompt}}, {{"clip", model, "1"}}},
      {"4",
       "EmptyLatentImage",
       {{"width", std::to_string(what.width)}, {"height", std::to_string(what.height)}, {"batch_size", "1"}},
       {}},
      {"5",
       "KSampler",
       {{"seed", std::to_string(what.seed)}, {"steps", std::to_string(what.steps)}, {"sampler_name", what.sampler}},
       {{"model", model, "0"}, {"positive", "3", "0"}, {"latent_image", "4", "0"}}},
      {"6", "VAEDecode", {}, {{"samples", "5", "0"}, {"vae", "1", "2"}}},
      {"7", "SaveImage", {{"filename_prefix", "\"a\""}}, {{"images", "6", "0"}}}};
  if (!what.lora.empty()) {
    nodes.push_back({"2", "LoraLoader", {{"lora_name", what.lora}}, {{"model", "1", "0"}, {"clip", "1", "1"}}});
  }
  return std::make_shared<const Workflow>(*Workflow::Build(nodes, {"7"}));
}

inline const Workflow::Node& NodeOf(const Workflow& workflow, const std::string& id) {
  return workflow.nodes()[*workflow.Find(id)];
}

// A chain of `count` nodes, the last of which is the output.
inline std::shared_ptr<const Workflow> MadeChain(std::size_t count, const std::string& class_type, int salt = 0) {
  std::vector<WorkflowNodeSource> nodes;
  for (std::size_t i = 0; i < count; ++i) {
    WorkflowNodeSource node{.id = std::to_string(i), .class_type = class_type};
    node.literals.push_back({"seed", std::to_string(salt)});
    node.literals.push_back({"model_name", std::to_string(i) + "/" + std::to_string(salt)});
    if (i > 0) node.links.push_back({"in", std::to_string(i - 1), "0"});
    nodes.push_back(std::move(node));
  }
  return std::make_shared<const Workflow>(*Workflow::Build(nodes, {std::to_string(count - 1)}));
}

}  // namespace jobs
