#pragma once

#include <random>
#include <string>
#include <vector>

#include "jobs/workflow.h"

// Workflows as people make them, with what each node costs on a made-up GPU. Times in seconds.
namespace evaluation {

struct Model {
  std::string file;
  double gigabytes = 0;
};

struct NodeCost {
  double fixed = 0;
  int steps = 0;  // reported as progress
  double each_step = 0;
  std::vector<Model> reads;  // from disk
  std::vector<Model> uses;   // on the GPU: moved there first, unless they are
};

struct SimulatedWorkflow {
  std::string family;
  std::vector<jobs::WorkflowNodeSource> nodes;
  std::vector<NodeCost> costs;  // of each node
  std::vector<std::string> outputs;
};

enum class Template { kSd15, kSdxl, kHires, kFlux, kVideo, kImageToImage, kUpscale, kUtility, kCustom };

// What a person changes from job to job.
struct Settings {
  Template made_from = Template::kSd15;
  std::string checkpoint;
  double gigabytes = 4;
  double speed = 1;  // of the checkpoint; less is faster
  int seed = 0;
  int prompt = 0;
  int image = 0;
  int steps = 20;
  int width = 512;
  int height = 512;
  int batch = 1;
  int frames = 49;
  int custom = 0;  // which custom nodes
  std::vector<int> loras;
};

// As a person picks when beginning something. `known`: of the usual templates and checkpoints; else never seen before.
Settings PickSettings(std::mt19937_64& random, bool known);

// As from one job to the next.
void ChangeSettings(Settings& settings, std::mt19937_64& random);

SimulatedWorkflow Make(const Settings& settings);

}  // namespace evaluation
