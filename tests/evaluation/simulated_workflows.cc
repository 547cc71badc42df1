#include "evaluation/simulated_workflows.h"

#include <cmath>
#include <utility>

namespace evaluation {
namespace {

using Literals = std::vector<std::pair<std::string, std::string>>;
using Links = std::vector<std::pair<std::string, std::string>>;  // input, node id

// Draws that are the same with every standard library.
double Uniform(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1p-53;
}
int Below(std::mt19937_64& random, int bound) {
  return static_cast<int>(random() % static_cast<std::uint64_t>(bound));
}

std::string Text(const std::string& text) {
  return '"' + text + '"';
}

class Graph {
 public:
  std::string Add(const std::string& class_type, const Literals& literals, const Links& links, NodeCost cost) {
    jobs::WorkflowNodeSource node{.id = std::to_string(made_.nodes.size() + 1), .class_type = class_type};
    for (const auto& [name, text] : literals) node.literals.push_back({name, text});
    for (const auto& [name, from] : links) node.links.push_back({name, from, "0"});
    made_.nodes.push_back(node);
    made_.costs.push_back(std::move(cost));
    return node.id;
  }
  SimulatedWorkflow Finish(std::string family, std::vector<std::string> outputs) {
    made_.family = std::move(family);
    made_.outputs = std::move(outputs);
    return std::move(made_);
  }

 private:
  SimulatedWorkflow made_;
};

// The parts that all templates are put together from.
class Parts {
 public:
  explicit Parts(const Settings& s) : s_(s), checkpoint_{s.checkpoint, s.gigabytes} {
    family_ = std::to_string(static_cast<int>(s.made_from)) + s.checkpoint + std::to_string(s.loras.size()) + "/" +
              std::to_string(s.custom);
  }

  double Megapixels() const { return s_.width * s_.height / 1e6; }

  void LoadCheckpoint() {
    model_ = clip_ = vae_ = g_.Add("CheckpointLoaderSimple", {{"ckpt_name", Text(s_.checkpoint)}}, {},
                                   {.fixed = 0.3, .reads = {checkpoint_}});
    for (const int lora : s_.loras) {
      const std::string file = "style" + std::to_string(lora) + ".safetensors";
      model_ = clip_ = g_.Add("LoraLoader", {{"lora_name", Text(file)}, {"strength_model", "0.8"}},
                              {{"model", model_}, {"clip", clip_}}, {.fixed = 0.1, .reads = {{file, 0.2}}});
    }
  }
  void LoadParts(const std::string& text_encoder, double text_gigabytes) {
    model_ = g_.Add("UNETLoader", {{"unet_name", Text(s_.checkpoint)}, {"weight_dtype", Text("default")}}, {},
                    {.fixed = 0.3, .reads = {checkpoint_}});
    text_ = {text_encoder, text_gigabytes};
    clip_ = g_.Add("CLIPLoader", {{"clip_name", Text(text_encoder)}, {"type", Text("x")}}, {},
                   {.fixed = 0.3, .reads = {text_}});
    vae_ = g_.Add("VAELoader", {{"vae_name", Text("vae-" + text_encoder)}}, {},
                  {.fixed = 0.1, .reads = {{"vae-" + text_encoder, 0.3}}});
    for (const int lora : s_.loras) {
      const std::string file = "motion" + std::to_string(lora) + ".safetensors";
      model_ = g_.Add("LoraLoaderModelOnly", {{"lora_name", Text(file)}}, {{"model", model_}},
                      {.fixed = 0.1, .reads = {{file, 0.3}}});
    }
  }
  std::string Encode(int text, double seconds) {
    NodeCost cost{.fixed = seconds};
    if (!text_.file.empty()) cost.uses = {text_};
    return g_.Add("CLIPTextEncode", {{"text", Text("words " + std::to_string(text))}}, {{"clip", clip_}}, cost);
  }
  std::string EmptyLatent() {
    return g_.Add("EmptyLatentImage",
                  {{"width", std::to_string(s_.width)},
                   {"height", std::to_string(s_.height)},
                   {"batch_size", std::to_string(s_.batch)}},
                  {}, {.fixed = 0.002});
  }
  // `step`: of a megapixel.
  std::string Sample(const std::string& latent, double step, double megapixels, int steps, const std::string& denoise) {
    NodeCost cost{.fixed = 0.15, .steps = steps, .uses = {checkpoint_}};
    cost.each_step = step * s_.speed * std::pow(megapixels, 1.15) * std::pow(s_.batch, 0.95);
    return g_.Add("KSampler",
                  {{"seed", std::to_string(s_.seed)},
                   {"steps", std::to_string(steps)},
                   {"cfg", "7"},
                   {"sampler_name", Text("euler")},
                   {"scheduler", Text("normal")},
                   {"denoise", denoise}},
                  {{"model", model_}, {"positive", positive_}, {"negative", negative_}, {"latent_image", latent}},
                  cost);
  }
  std::string Decode(const std::string& samples, double megapixels) {
    return g_.Add("VAEDecode", {}, {{"samples", samples}, {"vae", vae_}},
                  {.fixed = 0.05 + 0.35 * megapixels * s_.batch});
  }
  std::string Save(const std::string& images, double megapixels) {
    return g_.Add("SaveImage", {{"filename_prefix", Text("a")}}, {{"images", images}},
                  {.fixed = 0.02 + 0.3 * megapixels * s_.batch});
  }
  std::string LoadImage() {
    return g_.Add("LoadImage", {{"image", Text("in" + std::to_string(s_.image) + ".png")}}, {}, {.fixed = 0.08});
  }
  void Prompts(double seconds) {
    positive_ = Encode(s_.prompt, seconds);
    negative_ = Encode(-1, seconds);
  }

  SimulatedWorkflow TextToImage(double step) {
    LoadCheckpoint();
    Prompts(0.06);
    const auto samples = Sample(EmptyLatent(), step, Megapixels(), s_.steps, "1");
    return g_.Finish(family_, {Save(Decode(samples, Megapixels()), Megapixels())});
  }
  SimulatedWorkflow Hires() {
    LoadCheckpoint();
    Prompts(0.06);
    const auto first = Sample(EmptyLatent(), 0.25, Megapixels(), s_.steps, "1");
    const auto larger = g_.Add("LatentUpscaleBy", {{"upscale_method", Text("bislerp")}, {"scale_by", "1.5"}},
                               {{"samples", first}}, {.fixed = 0.02});
    const double megapixels = Megapixels() * 2.25;
    const auto second = Sample(larger, 0.25, megapixels, s_.steps * 3 / 4, "0.5");
    return g_.Finish(family_, {Save(Decode(second, megapixels), megapixels)});
  }
  SimulatedWorkflow Flux() {
    LoadParts("t5xxl.safetensors", 9);
    positive_ = Encode(s_.prompt, 0.25);
    const auto guided = g_.Add("BasicGuider", {}, {{"model", model_}, {"conditioning", positive_}}, {.fixed = 0.001});
    const auto noise = g_.Add("RandomNoise", {{"noise_seed", std::to_string(s_.seed)}}, {}, {.fixed = 0.001});
    const auto sampler = g_.Add("KSamplerSelect", {{"sampler_name", Text("euler")}}, {}, {.fixed = 0.001});
    const auto sigmas =
        g_.Add("BasicScheduler", {{"scheduler", Text("simple")}, {"steps", std::to_string(s_.steps)}, {"denoise", "1"}},
               {{"model", model_}}, {.fixed = 0.003});
    NodeCost cost{.fixed = 0.2, .steps = s_.steps, .uses = {checkpoint_}};
    cost.each_step = 0.85 * s_.speed * std::pow(Megapixels(), 1.15) * s_.batch;
    const auto samples = g_.Add("SamplerCustomAdvanced", {},
                                {{"noise", noise},
                                 {"guider", guided},
                                 {"sampler", sampler},
                                 {"sigmas", sigmas},
                                 {"latent_image", EmptyLatent()}},
                                cost);
    return g_.Finish(family_, {Save(Decode(samples, Megapixels()), Megapixels())});
  }
  SimulatedWorkflow Video() {
    LoadParts("umt5.safetensors", 6);
    Prompts(0.4);
    const auto latent = g_.Add("EmptyHunyuanLatentVideo",
                               {{"width", std::to_string(s_.width)},
                                {"height", std::to_string(s_.height)},
                                {"length", std::to_string(s_.frames)},
                                {"batch_size", "1"}},
                               {}, {.fixed = 0.01});
    const auto shifted = g_.Add("ModelSamplingSD3", {{"shift", "8"}}, {{"model", model_}}, {.fixed = 0.002});
    model_ = shifted;
    const double work = Megapixels() * s_.frames;
    NodeCost cost{.fixed = 0.4, .steps = s_.steps, .uses = {checkpoint_}};
    cost.each_step = 0.12 * s_.speed * std::pow(work, 1.25);
    const auto samples =
        g_.Add("KSampler",
               {{"seed", std::to_string(s_.seed)},
                {"steps", std::to_string(s_.steps)},
                {"cfg", "6"},
                {"sampler_name", Text("uni_pc")}},
               {{"model", model_}, {"positive", positive_}, {"negative", negative_}, {"latent_image", latent}}, cost);
    const auto frames = g_.Add("VAEDecodeTiled", {{"tile_size", "256"}}, {{"samples", samples}, {"vae", vae_}},
                               {.fixed = 0.5 + 0.9 * work});
    const auto video = g_.Add("CreateVideo", {{"fps", "16"}}, {{"images", frames}}, {.fixed = 0.1});
    return g_.Finish(
        family_, {g_.Add("SaveVideo", {{"format", Text("mp4")}}, {{"video", video}}, {.fixed = 0.3 + 0.08 * work})});
  }
  SimulatedWorkflow ImageToImage() {
    LoadCheckpoint();
    Prompts(0.06);
    const auto latent = g_.Add("VAEEncode", {}, {{"pixels", LoadImage()}, {"vae", vae_}}, {.fixed = 0.1 + 0.25});
    const auto samples = Sample(latent, 0.25, 1.0, s_.steps, "0.6");
    return g_.Finish(family_, {Save(Decode(samples, 1.0), 1.0)});
  }
  SimulatedWorkflow Upscale() {
    const auto upscaler =
        g_.Add("UpscaleModelLoader", {{"model_name", Text("4x.pth")}}, {}, {.fixed = 0.2, .reads = {{"4x.pth", 0.07}}});
    const auto large = g_.Add("ImageUpscaleWithModel", {}, {{"upscale_model", upscaler}, {"image", LoadImage()}},
                              {.fixed = 0.2, .steps = 12, .each_step = 0.3});
    return g_.Finish(family_, {Save(large, 6)});
  }
  SimulatedWorkflow Utility() {
    const auto small =
        g_.Add("ImageScale", {{"width", std::to_string(s_.width)}, {"height", std::to_string(s_.height)}},
               {{"image", LoadImage()}}, {.fixed = 0.03 + 0.05 * Megapixels()});
    return g_.Finish(family_, {Save(small, Megapixels())});
  }
  // Nodes that nobody has heard of, some long, around a usual sampler.
  SimulatedWorkflow Custom() {
    LoadCheckpoint();
    Prompts(0.06);
    std::string image = Decode(Sample(EmptyLatent(), 0.25, Megapixels(), s_.steps, "1"), Megapixels());
    std::mt19937_64 random(static_cast<std::uint64_t>(s_.custom));
    for (int i = 0; i < 3; ++i) {
      const double seconds = std::exp(Uniform(random) * 4 - 2);
      image = g_.Add("Custom" + std::to_string(s_.custom) + "_" + std::to_string(i), {{"strength", "0.5"}},
                     {{"image", image}}, {.fixed = seconds * Megapixels()});
    }
    return g_.Finish(family_, {Save(image, Megapixels())});
  }

 private:
  Graph g_;
  const Settings& s_;
  Model checkpoint_;
  Model text_;
  std::string family_;
  std::string model_, clip_, vae_, positive_, negative_;
};

struct Checkpoint {
  const char* file;
  double gigabytes;
  double speed;
};

Checkpoint PickCheckpoint(Template made_from, std::mt19937_64& random) {
  static constexpr Checkpoint kSmall[] = {{"sd15.safetensors", 2, 1}, {"dreamy.safetensors", 2, 1}};
  static constexpr Checkpoint kLarge[] = {
      {"sdxl.safetensors", 6.5, 1}, {"juggler.safetensors", 6.6, 1.02}, {"turbo.safetensors", 6.5, 0.6}};
  switch (made_from) {
    case Template::kSd15:
      return kSmall[Below(random, 2)];
    case Template::kFlux:
      return {"flux-dev.safetensors", 17, 1};
    case Template::kVideo:
      return {"wan.safetensors", 14, 1};
    default:
      return kLarge[Below(random, 3)];
  }
}

void PickSize(Settings& s, std::mt19937_64& random) {
  static constexpr std::pair<int, int> kSmall[] = {{512, 512}, {512, 768}, {768, 512}};
  static constexpr std::pair<int, int> kLarge[] = {{1024, 1024}, {832, 1216}, {1216, 832}, {1344, 768}};
  static constexpr std::pair<int, int> kVideo[] = {{832, 480}, {480, 832}, {640, 640}};
  static constexpr int kFrames[] = {33, 49, 81};
  const auto& size = s.made_from == Template::kVideo  ? kVideo[Below(random, 3)]
                     : s.made_from == Template::kSd15 ? kSmall[Below(random, 3)]
                                                      : kLarge[Below(random, 4)];
  std::tie(s.width, s.height) = size;
  if (s.made_from == Template::kVideo) s.frames = kFrames[Below(random, 3)];
  static constexpr int kBatches[] = {1, 1, 1, 2, 4};
  if (s.made_from == Template::kSd15 || s.made_from == Template::kSdxl) s.batch = kBatches[Below(random, 5)];
}

}  // namespace

Settings PickSettings(std::mt19937_64& random, bool known) {
  static constexpr Template kUsual[] = {
      Template::kSd15,  Template::kSd15,         Template::kSdxl,         Template::kSdxl,    Template::kSdxl,
      Template::kHires, Template::kFlux,         Template::kFlux,         Template::kVideo,   Template::kImageToImage,
      Template::kSdxl,  Template::kImageToImage, Template::kImageToImage, Template::kUpscale, Template::kUtility};
  static constexpr int kSteps[] = {20, 20, 25, 30};
  Settings s;
  s.made_from = known                   ? kUsual[Below(random, std::size(kUsual))]
                : Below(random, 2) == 0 ? Template::kCustom
                                        : Template::kSdxl;
  const Checkpoint checkpoint = PickCheckpoint(s.made_from, random);
  s.checkpoint = checkpoint.file;
  s.gigabytes = checkpoint.gigabytes;
  s.speed = checkpoint.speed;
  s.steps = kSteps[Below(random, 4)];
  PickSize(s, random);
  for (int i = Below(random, 4); i > 1; --i) s.loras.push_back(Below(random, 12));
  if (!known) {
    s.custom = 1 + Below(random, 1'000'000);
    if (s.made_from == Template::kSdxl) {
      s.checkpoint = "new" + std::to_string(s.custom) + ".safetensors";
      s.speed = std::exp(Uniform(random) - 0.5);
      s.custom = 0;
    }
  }
  s.seed = static_cast<int>(random() >> 40);
  s.prompt = static_cast<int>(random() >> 40);
  return s;
}

void ChangeSettings(Settings& s, std::mt19937_64& random) {
  s.seed = static_cast<int>(random() >> 40);
  if (Uniform(random) < 0.4) s.prompt = static_cast<int>(random() >> 40);
  if (Uniform(random) < 0.6) s.image = static_cast<int>(random() >> 40);
  if (Uniform(random) < 0.1) s.steps = 12 + Below(random, 5) * 6;
  if (Uniform(random) < 0.08) PickSize(s, random);
  if (!s.loras.empty() && Uniform(random) < 0.15) s.loras.back() = Below(random, 12);
}

SimulatedWorkflow Make(const Settings& settings) {
  Parts parts(settings);
  switch (settings.made_from) {
    case Template::kSd15:
      return parts.TextToImage(0.28);
    case Template::kSdxl:
      return parts.TextToImage(0.25);
    case Template::kHires:
      return parts.Hires();
    case Template::kFlux:
      return parts.Flux();
    case Template::kVideo:
      return parts.Video();
    case Template::kImageToImage:
      return parts.ImageToImage();
    case Template::kUpscale:
      return parts.Upscale();
    case Template::kUtility:
      return parts.Utility();
    case Template::kCustom:
      return parts.Custom();
  }
  std::unreachable();
}

}  // namespace evaluation
