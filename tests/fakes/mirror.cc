#include "fakes/mirror.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace fakes {
namespace {

constexpr std::array<std::string_view, 9> kMirrored = {
    "execution_start",   "execution_cached", "executing",
    "progress",          "progress_state",   "executed",
    "execution_success", "execution_error",  "execution_interrupted"};

}  // namespace

SharedFrame Mirror::Reflect(const SocketEvent& event) {
  if (std::find(kMirrored.begin(), kMirrored.end(), event.type) == kMirrored.end()) return nullptr;
  if (event.type == "execution_start") prompt_id_.clear();  // the same id may run again
  Json data = event.type == "progress_state" ? ChangedNodes(event.data) : event.data;
  if (event.type == "progress_state" && data.Find("nodes")->members.empty()) return nullptr;
  if (event.type == "executing") executing_ = data.Find("node")->is_null() ? Json() : data;
  if (event.type == "progress" && !data.Find("prompt_id") && executing_.is_object()) {
    for (const char* key : {"prompt_id", "node"}) data.Set(key, *executing_.Find(key));
  }
  if (event.type == "executed") data.Erase("output");
  if (event.type == "execution_error") {
    for (const char* key : {"traceback", "current_inputs", "current_outputs"}) data.Erase(key);
  }
  const Json original = Json::Object({{"type", Json::String(event.type)}, {"data", std::move(data)}});
  return TextFrame(ToText(Json::Object({{"type", Json::String("jobstatus.mirror")}, {"data", original}})));
}

Json Mirror::ChangedNodes(const Json& progress_state) {
  const std::string& prompt_id = progress_state.Find("prompt_id")->text;
  if (std::exchange(prompt_id_, prompt_id) != prompt_id) nodes_.clear();
  Json changed = Json::Object();
  for (const auto& [id, node] : progress_state.Find("nodes")->members) {
    std::string text = ToText(node);
    std::string& known = nodes_[id];
    if (known != text) changed.members.emplace_back(id, node);
    known = std::move(text);
  }
  return Json::Object({{"prompt_id", Json::String(prompt_id)}, {"nodes", std::move(changed)}});
}

}  // namespace fakes
