#include "jobs/workflow.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

namespace jobs {
namespace {

// FNV-1a, with a separator so that neighbours cannot run into each other.
class Hash {
 public:
  Hash& Add(std::string_view text) {
    for (const char c : text) Mix(static_cast<unsigned char>(c));
    Mix(0x1f);
    return *this;
  }
  Hash& Add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) Mix(static_cast<unsigned char>(number >> shift));
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  void Mix(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3; }
  std::uint64_t value_ = 0xcbf29ce484222325;
};

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

// The inputs of a node that are values: its literals, and links to a node that holds nothing but a value.
using Values = std::vector<std::pair<std::string_view, std::string_view>>;  // name, text

Values ValuesOf(const WorkflowNodeSource& source, const std::vector<WorkflowNodeSource>& sources,
                const std::unordered_map<std::string_view, std::size_t>& index) {
  Values values;
  for (const auto& literal : source.literals) values.emplace_back(literal.name, literal.text);
  for (const auto& link : source.links) {
    const auto from = index.find(link.from);
    if (from == index.end()) continue;
    const WorkflowNodeSource& above = sources[from->second];
    if (!above.links.empty()) continue;
    const auto value = std::ranges::find(above.literals, "value", &WorkflowNodeSource::Literal::name);
    if (value != above.literals.end()) values.emplace_back(link.name, value->text);
  }
  std::ranges::sort(values);
  return values;
}

double ValueOf(const Values& values, std::string_view name) {
  const auto found = std::ranges::find(values, name, &Values::value_type::first);
  return found == values.end() ? 0 : NumberOf(found->second);
}

std::int64_t StepsOf(const Values& values) {
  double steps = ValueOf(values, "steps");
  const double end = ValueOf(values, "end_at_step");
  if (end > 0) steps = std::min(steps, end);
  steps -= ValueOf(values, "start_at_step");
  return static_cast<std::int64_t>(std::clamp(steps, 0.0, 1e6));
}

// What drives the cost of all nodes below one: the models and sizes in its values and above. A set, so that it does not
// matter how they are wired up.
struct Above {
  static constexpr std::size_t kMaxFacts = 16;  // of each; those with the largest hashes are left out
  std::vector<std::uint64_t> models;
  std::vector<std::uint64_t> sizes;
  double pixels = 0;
  double pictures = 0;

  static void Insert(std::vector<std::uint64_t>& facts, std::uint64_t fact) {
    const auto at = std::ranges::lower_bound(facts, fact);
    if (at != facts.end() && *at == fact) return;
    facts.insert(at, fact);
    if (facts.size() > kMaxFacts) facts.pop_back();
  }
  void Add(const Above& other) {
    for (const auto fact : other.models) Insert(models, fact);
    for (const auto fact : other.sizes) Insert(sizes, fact);
    pixels = std::max(pixels, other.pixels);
    pictures = std::max(pictures, other.pictures);
  }
  void Resize(const Values& values) {
    const double own = ValueOf(values, "width") * ValueOf(values, "height");
    double scale = 0;
    for (const auto* name : {"scale_by", "upscale_by"}) scale = std::max(scale, ValueOf(values, name));
    if (own > 0) pixels = own;
    if (scale > 0) pixels *= scale * scale;
    for (const auto* name : {"batch_size", "length", "num_frames", "video_length", "frames"}) {
      if (const double number = ValueOf(values, name); number > 0) pictures = number;
    }
    pixels = std::min(pixels, 1e12);
    pictures = std::min(pictures, 1e6);
  }
};

// The indices of `sources` in an order in which each stands behind those it links to.
std::vector<std::size_t> ExecutionOrder(const std::vector<WorkflowNodeSource>& sources,
                                        const std::unordered_map<std::string_view, std::size_t>& index) {
  std::vector<std::size_t> waits_for(sources.size(), 0);
  std::vector<std::vector<std::size_t>> feeds(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (const auto& link : sources[i].links) {
      const auto from = index.find(link.from);
      if (from == index.end()) continue;
      feeds[from->second].push_back(i);
      ++waits_for[i];
    }
  }
  std::vector<std::size_t> order;
  order.reserve(sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (waits_for[i] == 0) order.push_back(i);
  }
  for (std::size_t at = 0; at < order.size(); ++at) {
    for (const std::size_t fed : feeds[order[at]]) {
      if (--waits_for[fed] == 0) order.push_back(fed);
    }
  }
  for (std::size_t i = 0; i < sources.size(); ++i) {
    if (waits_for[i] > 0) order.push_back(i);
  }
  return order;
}

// Fills in what is known of the work of `node`, and adds what the nodes below it have to know to `around`.
void SetKinds(Workflow::Node& node, const Values& values, Above& around) {
  Hash own;
  Hash own_sizeless;
  own.Add(node.class_type);
  own_sizeless.Add(node.class_type);
  for (const auto& [name, text] : values) {
    const Meaning meaning = MeaningOf(name, text);
    if (meaning == Meaning::kNothing) continue;
    own.Add(name).Add(text);
    if (meaning != Meaning::kSize) own_sizeless.Add(name).Add(text);
    if (meaning == Meaning::kModel) Above::Insert(around.models, Hash().Add(name).Add(text).value());
    if (meaning == Meaning::kSize) Above::Insert(around.sizes, Hash().Add(name).Add(text).value());
    node.loads = node.loads || IsModel(meaning, name, text);
  }
  around.Resize(values);
  if (const std::int64_t steps = StepsOf(values); steps > 0) node.steps = steps;
  node.size = around.pixels * std::max(around.pictures, 1.0);
  Hash kind = own;
  Hash sizeless = own_sizeless;
  for (const auto fact : around.models) {
    kind.Add(fact);
    sizeless.Add(fact);
  }
  for (const auto fact : around.sizes) kind.Add(fact);
  node.class_kind = Hash().Add(node.class_type).value();
  node.own_kind = own.value();
  node.sizeless_kind = sizeless.value();
  node.kind = kind.value();
}

}  // namespace

std::optional<Workflow> Workflow::Build(const std::vector<WorkflowNodeSource>& sources,
                                        const std::vector<std::string>& outputs) {
  if (sources.size() > kMaxNodes) return std::nullopt;
  const auto too_long = [](const WorkflowNodeSource& source) {
    return source.id.size() > kMaxNameBytes || source.class_type.size() > kMaxNameBytes;
  };
  if (std::ranges::any_of(sources, too_long)) return std::nullopt;
  std::unordered_map<std::string_view, std::size_t> index;
  for (std::size_t i = 0; i < sources.size(); ++i) index.emplace(sources[i].id, i);

  Workflow workflow;
  workflow.nodes_.reserve(sources.size());
  std::vector<Above> above_all;  // one for each node
  for (const std::size_t i : ExecutionOrder(sources, index)) {
    const WorkflowNodeSource& source = sources[i];
    Node node{.id = source.id, .class_type = source.class_type};
    Hash signature;
    signature.Add(source.class_type);
    std::vector<const WorkflowNodeSource::Literal*> literals;
    for (const auto& literal : source.literals) literals.push_back(&literal);
    std::ranges::sort(literals, {}, [](const auto* literal) { return literal->name; });
    for (const auto* literal : literals) signature.Add(literal->name).Add(literal->text);
    Above around;
    std::vector<const WorkflowNodeSource::Link*> links;
    for (const auto& link : source.links) links.push_back(&link);
    std::ranges::sort(links, {}, [](const auto* link) { return link->name; });
    for (const auto* link : links) {
      const auto from = workflow.by_id_.find(link->from);
      if (from == workflow.by_id_.end()) continue;  // to a node that is not there, or of a cycle
      const Node& above = workflow.nodes_[from->second];
      signature.Add(link->name).Add(above.signature).Add(link->slot);
      around.Add(above_all[from->second]);
      if (link->name == "sigmas") node.steps = above.steps;
      node.inputs.push_back(from->second);
    }
    std::ranges::sort(node.inputs);
    node.inputs.erase(std::ranges::unique(node.inputs).begin(), node.inputs.end());
    node.signature = signature.value();
    SetKinds(node, ValuesOf(source, sources, index), around);
    if (!workflow.by_id_.emplace(source.id, static_cast<std::uint32_t>(workflow.nodes_.size())).second) continue;
    workflow.nodes_.push_back(std::move(node));
    above_all.push_back(std::move(around));
  }
  for (const std::string& id : outputs) {
    if (const auto node = workflow.Find(id)) workflow.nodes_[*node].output = true;
  }
  return workflow;
}

std::optional<std::uint32_t> Workflow::Find(std::string_view id) const {
  const auto found = by_id_.find(std::string(id));
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

std::vector<bool> Workflow::Needed(const std::vector<bool>& settled) const {
  std::vector<bool> needed(nodes_.size(), false);
  // Inputs stand before those who take them, so one pass from the end sees every node after all that need it.
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    if (nodes_[i].output) needed[i] = true;
    if (settled[i]) needed[i] = false;
    if (!needed[i]) continue;
    for (const std::uint32_t input : nodes_[i].inputs) needed[input] = true;
  }
  return needed;
}

}  // namespace jobs
