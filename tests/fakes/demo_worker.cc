#include "fakes/demo_worker.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fakes/python_json.h"
#include "fakes/python_number.h"

namespace fakes {
namespace {

using std::chrono::milliseconds;

struct Node {
  std::string id;
  std::string class_type;
  Json inputs;
};

std::string TextInput(const Node& node, std::string_view name, std::string otherwise) {
  const Json* input = node.inputs.Find(name);
  return input && input->is_string() ? input->text : std::move(otherwise);
}

std::vector<Node> NodesInOrder(const std::string& prompt_json) {
  const Json prompt = ParseJson(prompt_json).value_or(Json::Object());
  std::vector<Node> nodes;
  for (const auto& [id, node] : prompt.members) {
    const Json* class_type = node.Find("class_type");
    const Json* inputs = node.Find("inputs");
    nodes.push_back({id, class_type ? class_type->text : "", inputs ? *inputs : Json::Object()});
  }
  std::stable_sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) {
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
};

Duration DurationOf(const Node& node) {
  if (node.class_type == "KSampler") {
    const Json* steps = node.inputs.Find("steps");
    return {steps ? IntOf(steps->text).value_or(20) : 20, milliseconds(50)};
  }
  if (node.class_type == "SaveImage") return {1, milliseconds(100)};
  if (node.class_type == "VAEDecode") return {1, milliseconds(200)};
  if (node.class_type == "CheckpointLoaderSimple") return {1, milliseconds(300)};
  return {1, milliseconds(50)};
}

Json SavedImage(const Node& node, int number) {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "_%05d_.png", number);
  const std::string filename = TextInput(node, "filename_prefix", "ComfyUI") + digits.data();
  return Json::Object({{"images", Json::Array({Json::Object({{"filename", Json::String(filename)},
                                                             {"subfolder", Json::String("")},
                                                             {"type", Json::String("output")}})})}});
}

ErrorSpec ErrorOf(const Node& node, const std::string& message) {
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
  Json outputs = Json::Object();
  std::vector<std::string> executed;
  for (const Node& node : NodesInOrder(comfy_->prompt_of_running())) {
    const Duration duration = DurationOf(node);
    const auto step = std::chrono::duration_cast<std::chrono::microseconds>(duration.step / speed_);
    for (int64_t i = 0; i < duration.steps; ++i) {
      if (comfy_->WaitForInterrupt(step, stop)) return comfy_->FinishInterrupted(node.id, node.class_type, executed);
      if (stop.stop_requested()) return;
    }
    if (const std::string message = TextInput(node, "raise", ""); !message.empty()) {
      ErrorSpec error = ErrorOf(node, message);
      error.executed = executed;
      error.outputs_json = ToText(outputs);
      return comfy_->FinishError(error);
    }
    if (node.class_type == "SaveImage") outputs.Set(node.id, SavedImage(node, ++images_saved_));
    executed.push_back(node.id);
  }
  comfy_->FinishSuccess(ToText(outputs));
}

}  // namespace fakes
