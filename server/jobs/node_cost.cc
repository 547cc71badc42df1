#include "jobs/node_cost.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "jobs/hash.h"

namespace jobs {
namespace {

// What an input says about the work.
enum class Meaning { kNothing, kOwn, kModel, kSize };

bool IsOneOf(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool NamesModelFile(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kEndings = {".safetensors", ".ckpt", ".pt",   ".pth", ".bin",
                                                               ".gguf",        ".sft",  ".onnx", ".pkl"};
  if (text.ends_with('"')) text.remove_suffix(1);
  return std::ranges::any_of(kEndings, [&](std::string_view ending) { return text.ends_with(ending); });
}

Meaning MeaningOf(std::string_view name, std::string_view text) {
  static constexpr std::array<std::string_view, 17> kSizes = {
      "width",        "height",   "batch_size", "length",       "frames",   "num_frames",
      "frame_count",  "amount",   "megapixels", "upscale_by",   "scale_by", "scale",
      "video_length", "duration", "resolution", "largest_size", "repeats"};
  static constexpr std::array<std::string_view, 8> kOwn = {"sampler_name", "denoise", "tile_size",      "tile_width",
                                                           "tile_height",  "fps",     "upscale_method", "method"};
  if (IsOneOf(kSizes, name)) return Meaning::kSize;
  if (IsOneOf(kOwn, name)) return Meaning::kOwn;
  // Without guidance a sampler asks the model once a step, else twice.
  if (name == "cfg" && (text == "1" || text == "1.0")) return Meaning::kOwn;
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.remove_suffix(1);  // clip_name1, lora_1
  // Which LoRA is patched into a model makes no difference to those who use it.
  if (name.starts_with("lora")) return NamesModelFile(text) ? Meaning::kOwn : Meaning::kNothing;
  return name.ends_with("_name") || name == "weight_dtype" || NamesModelFile(text) ? Meaning::kModel
                                                                                   : Meaning::kNothing;
}

bool IsModel(Meaning meaning, std::string_view name, std::string_view text) {
  return meaning == Meaning::kModel || (meaning == Meaning::kOwn && name.starts_with("lora") && NamesModelFile(text));
}

double NumberOf(std::string_view text) {
  if (text.size() > 1 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && std::isfinite(number) ? number : 0;
}

double ValueOf(const NodeValues& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &NodeValues::value_type::first);
  return found == values.end() ? 0 : NumberOf(found->second);
}

std::int64_t StepsOf(const NodeValues& values) {
  double steps = ValueOf(values, "steps");
  const double end = ValueOf(values, "end_at_step");
  if (end > 0) steps = std::min(steps, end);
  steps -= ValueOf(values, "start_at_step");
  return static_cast<std::int64_t>(std::clamp(steps, 0.0, 1e6));
}

void Insert(std::vector<std::uint64_t>& facts, std::uint64_t fact) {
  const auto at = std::ranges::lower_bound(facts, fact);
  if (at != facts.end() && *at == fact) return;
  facts.insert(at, fact);
  if (facts.size() > CostAbove::kMaxFacts) facts.pop_back();
}

void Resize(const NodeValues& values, CostAbove& above) {
  const double own = ValueOf(values, "width") * ValueOf(values, "height");
  double scale = 0;
  for (const auto* name : {"scale_by", "upscale_by"}) scale = std::max(scale, ValueOf(values, name));
  if (own > 0) above.pixels = own;
  if (scale > 0) above.pixels *= scale * scale;
  for (const auto* name : {"batch_size", "length", "num_frames", "video_length", "frames"}) {
    if (const double number = ValueOf(values, name); number > 0) above.pictures = number;
  }
  above.pixels = std::min(above.pixels, 1e12);
  above.pictures = std::min(above.pictures, 1e6);
}

}  // namespace

void CostAbove::Add(const CostAbove& other) {
  for (const auto fact : other.models) Insert(models, fact);
  for (const auto fact : other.sizes) Insert(sizes, fact);
  pixels = std::max(pixels, other.pixels);
  pictures = std::max(pictures, other.pictures);
}

void SetCost(Workflow::Node& node, const NodeValues& values, CostAbove& above) {
  Hash own;
  Hash own_sizeless;
  own.Add(node.class_type);
  own_sizeless.Add(node.class_type);
  for (const auto& [name, text] : values) {
    const Meaning meaning = MeaningOf(name, text);
    if (meaning == Meaning::kNothing) continue;
    own.Add(name).Add(text);
    if (meaning != Meaning::kSize) own_sizeless.Add(name).Add(text);
    if (meaning == Meaning::kModel) Insert(above.models, Hash().Add(name).Add(text).value());
    if (meaning == Meaning::kSize) Insert(above.sizes, Hash().Add(name).Add(text).value());
    node.loads = node.loads || IsModel(meaning, name, text);
  }
  Resize(values, above);
  if (const std::int64_t steps = StepsOf(values); steps > 0) node.steps = steps;
  node.size = above.pixels * std::max(above.pictures, 1.0);
  Hash kind = own;
  Hash sizeless = own_sizeless;
  for (const auto fact : above.models) {
    kind.Add(fact);
    sizeless.Add(fact);
  }
  for (const auto fact : above.sizes) kind.Add(fact);
  node.class_kind = Hash().Add(node.class_type).value();
  node.own_kind = own.value();
  node.sizeless_kind = sizeless.value();
  node.kind = kind.value();
}

}  // namespace jobs
