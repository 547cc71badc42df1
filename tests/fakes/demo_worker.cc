#include "fakes/demo_worker.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/python_json.h"
#include "fakes/python_number.h"

namespace fakes {

struct DemoNode {
  std::string id;
  std::string class_type;
  Json inputs;
};

namespace {

using std::chrono::milliseconds;

constexpr int64_t kStepsBetweenPreviews = 5;
constexpr std::string_view kPreview = "\xff\xd8\xff\xd9";  // a JPEG's beginning and end

std::string TextInput(const DemoNode& node, std::string_view name, std::string otherwise) {
  const Json* input = node.inputs.Find(name);
  return input && input->is_string() ? input->text : std::move(otherwise);
}

std::vector<DemoNode> NodesInOrder(const std::string& prompt_json) {
  const Json prompt = ParseJson(prompt_json).value_or(Json::Object());
  std::vector<DemoNode> nodes;
  for (const auto& [id, node] : prompt.members) {
    const Json* class_type = node.Find("class_type");
    const Json* inputs = node.Find("inputs");
    nodes.push_back({id, class_type ? class_type->text : "", inputs ? *inputs : Json::Object()});
  }
  std::stable_sort(nodes.begin(), nodes.end(), [](const DemoNode& a, const DemoNode& b) {
    const auto first = IntOf(a.id);
    const auto second = IntOf(b.id);
    if (first && second) return *first < *second;
    if (first || second) return first.has_value();
    return a.id < b.id;
  });
  return nodes;
}

// A node's time at speed 1: so many steps of so long each.
struct Duration {
  int64_t steps;
  milliseconds step;
  bool tells_steps = false;
};

Duration DurationOf(const DemoNode& node) {
  const Json* steps = node.inputs.Find("steps");
  if (node.class_type == "KSampler" || steps) {
    return {steps ? IntOf(steps->text).value_or(20) : 20, milliseconds(50), true};
  }
  if (node.class_type == "SaveImage") return {1, milliseconds(100)};
  if (node.class_type == "VAEDecode") return {1, milliseconds(200)};
  if (node.class_type == "CheckpointLoaderSimple") return {1, milliseconds(300)};
  return {1, milliseconds(50)};
}

// Names what each node of a prompt computes: nodes with the same name have the same result.
class Computations {
 public:
  Computations(const std::vector<DemoNode>& nodes, int job) : job_(job) {
    for (const DemoNode& node : nodes) nodes_[node.id] = &node;
  }

  std::string Of(const std::string& node_id) {
    const auto [known, is_new] = names_.try_emplace(node_id);  // "" until known: a cycle ends here
    if (!is_new) return known->second;
    const auto node = nodes_.find(node_id);
    if (node == nodes_.end()) return "";
    return names_[node_id] = NameOf(*node->second);
  }

 private:
  std::string NameOf(const DemoNode& node) {
    Json inputs = node.inputs;
    for (auto& [name, input] : inputs.members) {
      const bool is_link = input.items.size() == 2 && input.items[0].is_string();
      if (is_link) input.items[0].text = Of(input.items[0].text);
    }
    if (node.class_type == "KSampler" && !inputs.Find("seed")) inputs.Set("seed", Json::Int(job_));
    // Names contain names: hashed, they stay short.
    return node.class_type + " " + std::to_string(std::hash<std::string>()(ToText(inputs)));
  }

  const int job_;
  std::map<std::string, const DemoNode*> nodes_;
  std::map<std::string, std::string> names_;
};

// The nodes whose results are there. All other results are forgotten, as ComfyUI does.
std::vector<std::string> CachedNodes(const std::vector<DemoNode>& nodes, Computations* computations,
                                     std::map<std::string, Json>* results) {
  std::vector<std::string> cached;
  std::map<std::string, Json> kept;
  for (const DemoNode& node : nodes) {
    const auto result = results->find(computations->Of(node.id));
    if (result == results->end()) continue;
    cached.push_back(node.id);
    kept.insert(*result);
  }
  *results = std::move(kept);
  return cached;
}

Json SavedImage(const DemoNode& node, int number) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "_%05d_.png", number);
  const std::string filename = TextInput(node, "filename_prefix", "ComfyUI") + digits.data();
  return Json::Object({{"images", Json::Array({Json::Object({{"filename", Json::String(filename)},
                                                             {"subfolder", Json::String("")},
                                                             {"type", Json::String("output")}})})}});
}

ErrorSpec ErrorOf(const DemoNode& node, const std::string& message) {
  ErrorSpec error;
  error.node_id = node.id;
  error.node_type = node.class_type;
  error.exception_message = message;
  error.exception_type =
      message.find("out of memory") == std::string::npos ? "RuntimeError" : "torch.cuda.OutOfMemoryError";
  error.current_inputs_json = "{\"raise\": [" + Quoted(message) + "]}";
  return error;
}

}  // namespace

DemoWorker::DemoWorker(FakeComfy* comfy, double speed)
    : comfy_(comfy), speed_(speed), thread_([this](const std::stop_token& stop) { Work(stop); }) {}

DemoWorker::~DemoWorker() = default;

void DemoWorker::Work(const std::stop_token& stop) {
  while (comfy_->WaitAndStartNext(stop)) RunJob(stop);
}

void DemoWorker::RunJob(const std::stop_token& stop) {
  const std::vector<DemoNode> nodes = NodesInOrder(comfy_->prompt_of_running());
  Computations computations(nodes, ++jobs_started_);
  comfy_->Cached(CachedNodes(nodes, &computations, &results_));

  Json outputs = Json::Object();
  std::vector<std::string> executed;
  for (const DemoNode& node : nodes) {
    auto result = results_.find(computations.Of(node.id));
    if (result == results_.end()) {
      comfy_->StartNode(node.id);
      if (!SpendTimeIn(node, stop)) {
        if (!stop.stop_requested()) comfy_->FinishInterrupted(node.id, node.class_type, executed);
        return;
      }
      if (const std::string message = TextInput(node, "raise", ""); !message.empty()) {
        ErrorSpec error = ErrorOf(node, message);
        error.executed = executed;
        error.outputs_json = ToText(outputs);
        return comfy_->FinishError(error);
      }
      const Json output = node.class_type == "SaveImage" ? SavedImage(node, ++images_saved_) : Json();
      result = results_.emplace(computations.Of(node.id), output).first;
      executed.push_back(node.id);
      if (output.is_null()) comfy_->FinishNode(node.id);
    }
    // Of cached nodes only those with an output are told.
    if (result->second.is_null()) continue;
    comfy_->FinishNode(node.id, ToText(result->second));
    outputs.Set(node.id, result->second);
  }
  comfy_->FinishSuccess(ToText(outputs));
}

bool DemoWorker::SpendTimeIn(const DemoNode& node, const std::stop_token& stop) {
  const Duration duration = DurationOf(node);
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(duration.step / speed_);
  for (int64_t step = 1; step <= duration.steps; ++step) {
    if (comfy_->WaitForInterrupt(time, stop) || stop.stop_requested()) return false;
    if (!duration.tells_steps) continue;
    comfy_->Step(node.id, step, duration.steps, step % kStepsBetweenPreviews == 0 ? kPreview : "");
  }
  return true;
}

}  // namespace fakes
