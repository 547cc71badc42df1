#include "fakes/post_prompt.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "fakes/aiohttp_answers.h"
#include "fakes/python_number.h"

namespace fakes {
namespace {

struct Refusal {
  std::string_view type;
  std::string message;
  std::string details;
  Json extra_info = Json::Object();
};

Answer Refuse(const ComfyVersion& version, const Refusal& refusal) {
  const Json body = Json::Object({{"error", Json::Object({{"type", Json::String(std::string(refusal.type))},
                                                          {"message", Json::String(refusal.message)},
                                                          {"details", Json::String(refusal.details)},
                                                          {"extra_info", refusal.extra_info}})},
                                  {"node_errors", Json::Object()}});
  return JsonAnswer(version, ToText(body), 400);
}

bool IsTrue(const Json& value) {
  switch (value.kind) {
    case Json::Kind::kNull:
      return false;
    case Json::Kind::kBool:
      return value.boolean;
    case Json::Kind::kInt:
    case Json::Kind::kFloat:
      return FloatOf(std::string_view(value.text)) != 0.0;
    case Json::Kind::kString:
      return !value.text.empty();
    case Json::Kind::kArray:
      return !value.items.empty();
    case Json::Kind::kObject:
      return !value.members.empty();
  }
  return false;
}

bool IsCanonicalUuid(const Json& value) {
  if (!value.is_string() || value.text.size() != 36) return false;
  for (size_t i = 0; i < value.text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (std::string_view(dash ? "-" : "0123456789abcdef").find(value.text[i]) == std::string_view::npos) return false;
  }
  return true;
}

// The priority. A count is taken for every body without "number", whatever becomes of it.
Json TakeNumber(ComfyModel* model, const Json& body) {
  if (const Json* number = body.Find("number")) {
    const auto value = FloatOf(*number);
    if (!value) throw PythonError("float(number)");
    return Json::Float(*value);
  }
  const Json* front = body.Find("front");
  const int64_t count = model->counter++;
  return Json::Int(front && IsTrue(*front) ? -count : count);
}

std::optional<std::string> PromptId(ComfyModel* model, const Json& body) {
  const Json* given = model->version.prompt_ids ? body.Find("prompt_id") : nullptr;
  if (!given || (model->version.uuid_prompt_ids && given->is_null())) return model->make_id();
  if (model->version.uuid_prompt_ids && !IsCanonicalUuid(*given)) return std::nullopt;
  return StrOf(*given);
}

Json ExtraData(const ComfyModel& model, const Json& body) {
  const Json* given = body.Find("extra_data");
  Json extra_data = given ? *given : Json::Object();
  const Json* client_id = body.Find("client_id");
  if ((client_id || model.version.create_time) && !extra_data.is_object()) throw PythonError("extra_data[…] = …");
  if (client_id) extra_data.Set("client_id", *client_id);
  if (model.version.hides_keys_in_queue) {
    for (const char* key : {"auth_token_comfy_org", "api_key_comfy_org"}) extra_data.Erase(key);
  }
  if (model.version.create_time) extra_data.Set("create_time", Json::Int(model.now_ms()));
  return extra_data;
}

Json OutputNodes(const Json& prompt) {
  std::set<std::string> taken_from;
  for (const auto& [id, node] : prompt.members) {
    const Json* inputs = node.Find("inputs");
    if (!inputs) continue;
    for (const auto& [name, input] : inputs->members) {
      if (input.is_array() && input.items.size() == 2 && input.items[0].is_string()) {
        taken_from.insert(input.items[0].text);
      }
    }
  }
  Json outputs = Json::Array();
  for (const auto& [id, node] : prompt.members) {
    if (!taken_from.contains(id)) outputs.items.push_back(Json::String(id));
  }
  return outputs;
}

// The little of validate_prompt that needs no nodes.
std::optional<Refusal> Validate(const ComfyVersion& version, const Json& prompt) {
  for (const auto& [id, node] : prompt.members) {
    if (!node.is_object()) throw PythonError("'class_type' not in …");
    if (node.Find("class_type")) continue;
    const std::string where = "Node ID '#" + id + "'";
    if (!version.missing_node_type) {
      return Refusal{"invalid_prompt", "Cannot execute because a node is missing the class_type property.", where};
    }
    return Refusal{
        "missing_node_type",
        "Node 'ID #" + id + "' has no class_type. The workflow may be corrupted or a custom node is missing.", where,
        Json::Object({{"node_id", Json::String(id)}, {"class_type", Json()}, {"node_title", Json()}})};
  }
  if (prompt.members.empty()) return Refusal{"prompt_no_outputs", "Prompt has no outputs", ""};
  return std::nullopt;
}

}  // namespace

Answer PostPrompt(ComfyModel* model, std::string_view body_text) {
  const ComfyVersion& version = model->version;
  const auto body = ParseJson(body_text);
  // `"number" in json_data` works for lists and texts, too.
  if (!body || !(body->is_object() || body->is_array() || body->is_string())) throw PythonError("request.json()");

  const Json number = TakeNumber(model, *body);
  const Json* prompt = body->Find("prompt");
  if (!prompt) return Refuse(version, {"no_prompt", "No prompt provided", "No prompt provided"});
  const auto prompt_id = PromptId(model, *body);
  if (!prompt_id) {
    return Refuse(version,
                  {"invalid_prompt_id", "prompt_id must be a valid UUID",
                   "prompt_id must be a UUID string in canonical lowercase hyphenated form; omit it to let the "
                   "server generate one"});
  }
  if (!prompt->is_object()) throw PythonError("prompt[…]");
  if (const auto refusal = Validate(version, *prompt)) return Refuse(version, *refusal);

  QueueItem item;
  item.number = *FloatOf(number);
  item.number_text = number.text;
  item.prompt_id = *prompt_id;
  item.prompt = *prompt;
  item.extra_data = ExtraData(*model, *body);
  item.outputs_to_execute = OutputNodes(*prompt);
  model->queue.Put(std::move(item));
  QueueUpdated(model);
  return JsonAnswer(
      version, ToText(Json::Object(
                   {{"prompt_id", Json::String(*prompt_id)}, {"number", number}, {"node_errors", Json::Object()}})));
}

}  // namespace fakes
