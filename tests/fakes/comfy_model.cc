#include "fakes/comfy_model.h"

#include <stdexcept>
#include <utility>

namespace fakes {
namespace {

Json Parsed(std::string_view text) {
  auto json = ParseJson(text);
  if (!json) throw std::invalid_argument("not JSON: " + std::string(text));
  return *std::move(json);
}

Json Strings(const std::vector<std::string>& texts) {
  Json array = Json::Array();
  for (const std::string& text : texts) array.items.push_back(Json::String(text));
  return array;
}

std::string BigEndian(uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((number >> shift) & 0xff);
  return bytes;
}

Json Message(std::string_view event, Json data) {
  return Json::Array({Json::String(std::string(event)), std::move(data)});
}

Json StartMessages(const QueueItem& item, const std::vector<std::string>& cached_nodes) {
  const Json id = Json::String(item.prompt_id);
  const Json time = Json::Int(item.started_ms);
  return Json::Array({
      Message("execution_start", Json::Object({{"prompt_id", id}, {"timestamp", time}})),
      Message("execution_cached",
              Json::Object({{"nodes", Strings(cached_nodes)}, {"prompt_id", id}, {"timestamp", time}})),
  });
}

// {node: {"node_id", "display_node", "parent_node", "real_node_id"}} for each node with outputs.
Json Meta(const Json& outputs) {
  Json meta = Json::Object();
  for (const auto& [node, unused] : outputs.members) {
    const Json id = Json::String(node);
    meta.Set(node,
             Json::Object({{"node_id", id}, {"display_node", id}, {"parent_node", Json()}, {"real_node_id", id}}));
  }
  return meta;
}

Json PromptOf(const ComfyModel& model, const QueueItem& item) {
  QueueItem shown = item;
  if (model.version.hides_keys_in_history) {
    for (const char* key : {"auth_token_comfy_org", "api_key_comfy_org"}) shown.extra_data.Erase(key);
  }
  return shown.ToJson();
}

Execution& Running(ComfyModel* model) {
  if (model->executions.empty()) throw std::logic_error("no job is running");
  return model->executions.front();
}

// ComfyUI tells what is cached before it does anything else.
Execution& RunningNodes(ComfyModel* model) {
  if (!Running(model).cached) Cached(model, {});
  return Running(model);
}

void Send(const ComfyModel* model, Audience audience, std::string_view type, Json data) {
  if (!model->version.timestamps) data.Erase("timestamp");
  model->send(SocketEvent::Of(std::move(audience), std::string(type), std::move(data)));
}

void SendProgressState(const ComfyModel* model, const Execution& execution) {
  if (!model->version.progress_state) return;
  Send(model, model->version.progress_state_to_all ? Audience::Everyone() : execution.ToOwnerOrAll(), "progress_state",
       ProgressStateData(execution));
}

bool IsPng(std::string_view image) {
  return image.starts_with("\x89PNG");
}

void SendPreviewWithMetadata(const ComfyModel* model, const Execution& execution, const NodeProgress& node,
                             std::string_view image) {
  if (!execution.has_owner()) return;
  const std::string metadata =
      ToText(Json::Object({{"node_id", Json::String(node.id)},
                           {"prompt_id", Json::String(execution.prompt_id)},
                           {"display_node_id", Json::String(node.display_node)},
                           {"parent_node_id", node.parent_node ? Json::String(*node.parent_node) : Json()},
                           {"real_node_id", Json::String(node.real_node)},
                           {"image_type", Json::String(IsPng(image) ? "image/png" : "image/jpeg")}}));
  const std::string length = BigEndian(static_cast<uint32_t>(metadata.size()));
  model->send({.audience = execution.ToOwner(),
               .frame = BinaryFrame(BigEndian(4) + length + metadata + std::string(image)),
               .takes_preview_metadata = true});
}

void SendPreview(const ComfyModel* model, const Execution& execution, std::string_view image) {
  SocketEvent event{.audience = execution.ToOwnerOrAll(),
                    .frame = BinaryFrame(BigEndian(1) + BigEndian(IsPng(image) ? 2 : 1) + std::string(image))};
  if (execution.has_owner()) event.takes_preview_metadata = false;
  model->send(std::move(event));
}

Json ErrorData(const ComfyModel* model, const Execution& execution, const ErrorSpec& error) {
  return Json::Object(
      {{"prompt_id", Json::String(execution.prompt_id)},
       {"node_id", Json::String(error.node_id)},
       {"node_type", Json::String(error.node_type)},
       {"executed", Strings(error.executed)},
       {"exception_message", Json::String(error.exception_message)},
       {"exception_type", Json::String(error.exception_type)},
       {"traceback", Strings(error.traceback)},
       {"current_inputs", Parsed(error.current_inputs_json)},
       // What they left, node by node, before there was a history of messages.
       {"current_outputs", model->version.history_status ? Strings(error.current_outputs) : Json::Object()}});
}

// Sends the last event of a history's entry, if it has one.
void TellEndOf(const ComfyModel* model, const Json& entry) {
  const Json* status = entry.Find("status");
  const Json* messages = status ? status->Find("messages") : nullptr;
  if (!messages || messages->items.empty() || messages->items.back().items.size() != 2) return;
  const auto& message = messages->items.back().items;
  const Execution& execution = model->executions.front();
  Send(model, message[0].text == "execution_interrupted" ? execution.ToOwnerOrAll() : execution.ToOwner(),
       message[0].text, message[1]);
}

// Sends the last event; as history's entry it is the last message.
HistoryEntry End(ComfyModel* model, std::string_view last_event, Json last_data, Audience audience,
                 const Json& outputs) {
  const bool success = last_event == "execution_success";
  last_data.Set("timestamp", Json::Int(model->now_ms()));
  const Execution& execution = RunningNodes(model);
  if (!success || model->version.timestamps) Send(model, std::move(audience), last_event, last_data);
  const QueueItem& item = model->queue.running().front();
  Json entry = Json::Object({{"prompt", PromptOf(*model, item)}, {"outputs", outputs}});
  if (model->version.history_status) {
    Json messages = StartMessages(item, *execution.cached);
    messages.items.push_back(Message(last_event, std::move(last_data)));
    entry.Set("status", Json::Object({{"status_str", Json::String(success ? "success" : "error")},
                                      {"completed", Json::Bool(success)},
                                      {"messages", std::move(messages)}}));
    entry.Set("meta", Meta(outputs));
  }
  return {std::move(entry)};
}

void ReplaceAll(std::string* text, std::string_view word, std::string_view with) {
  for (size_t at = text->find(word); at != std::string::npos; at = text->find(word, at + with.size())) {
    text->replace(at, word.size(), with);
  }
}

}  // namespace

Json StatusData(const ComfyModel& model) {
  const auto remaining = static_cast<int64_t>(model.queue.tasks_remaining());
  const Json info = Json::Object({{"queue_remaining", Json::Int(remaining)}});
  return Json::Object({{"status", Json::Object({{"exec_info", info}})}});
}

void QueueUpdated(const ComfyModel* model) {
  Send(model, Audience::Everyone(), "status", StatusData(*model));
}

bool DeletePending(ComfyModel* model, std::string_view prompt_id) {
  const bool only_one = model->queue.pending().size() == 1;
  if (!model->queue.DeletePending(prompt_id)) return false;
  if (only_one) QueueUpdated(model);  // it was wiped
  QueueUpdated(model);
  return true;
}

void ClearPending(ComfyModel* model) {
  model->queue.ClearPending();
  QueueUpdated(model);
}

std::optional<std::string> StartNext(ComfyModel* model) {
  if (model->worker_dead) return std::nullopt;
  try {
    const QueueItem* item = model->queue.Get(model->now_ms());
    if (!item) return std::nullopt;
    model->interrupt = false;
    const Json* client_id = item->extra_data.Find("client_id");
    Execution execution{.prompt_id = item->prompt_id, .started_ms = item->started_ms};
    if (client_id) execution.client_id = *client_id;
    QueueUpdated(model);
    Send(model, execution.ToOwner(), "execution_start",
         Json::Object(
             {{"prompt_id", Json::String(execution.prompt_id)}, {"timestamp", Json::Int(execution.started_ms)}}));
    model->executions.push_back(std::move(execution));
    return item->prompt_id;
  } catch (const PythonError&) {
    model->worker_dead = true;
    return std::nullopt;
  }
}

void Cached(ComfyModel* model, const std::vector<std::string>& nodes) {
  Execution& execution = Running(model);
  execution.cached = nodes;
  Send(model, execution.ToOwner(), "execution_cached",
       Json::Object({{"nodes", Strings(nodes)},
                     {"prompt_id", Json::String(execution.prompt_id)},
                     {"timestamp", Json::Int(execution.started_ms)}}));
}

void StartNode(ComfyModel* model, std::string_view node_id, const Expansion& expansion) {
  Execution& execution = RunningNodes(model);
  const std::string id(node_id);
  NodeProgress* node = execution.Find(id);
  if (!node) node = &execution.nodes.emplace_back(NodeProgress{.id = id});
  node->display_node = expansion.display_node.value_or(id);
  node->parent_node = expansion.parent_node;
  node->real_node = expansion.display_node.value_or(id);
  node->value = Json::Float(0);
  node->max = Json::Float(1);
  node->finished = false;
  SendProgressState(model, execution);
  if (!execution.has_owner()) return;
  Json data = Json::Object({{"node", Json::String(id)}});
  if (model->version.display_nodes) data.Set("display_node", Json::String(node->display_node));
  data.Set("prompt_id", Json::String(execution.prompt_id));
  execution.last_node = node->display_node;
  Send(model, execution.ToOwner(), "executing", std::move(data));
}

void Step(ComfyModel* model, std::string_view node_id, int64_t value, int64_t max, std::string_view preview) {
  Execution& execution = RunningNodes(model);
  NodeProgress* node = execution.Find(node_id);
  if (!node) throw std::logic_error("node " + std::string(node_id) + " was not started");
  node->value = Json::Int(value);
  node->max = Json::Int(max);
  SendProgressState(model, execution);
  if (!preview.empty()) SendPreviewWithMetadata(model, execution, *node, preview);
  Json data = Json::Object({{"value", node->value}, {"max", node->max}});
  if (model->version.progress_ids) {
    data.Set("prompt_id", Json::String(execution.prompt_id));
    // Before there was a state of progress, that was the node of the last `executing`.
    const bool exact = model->version.progress_state;
    data.Set("node", exact                 ? Json::String(node->id)
                     : execution.last_node ? Json::String(*execution.last_node)
                                           : Json());
  }
  Send(model, execution.ToOwnerOrAll(), "progress", std::move(data));
  if (!preview.empty()) SendPreview(model, execution, preview);
}

void FinishNode(ComfyModel* model, std::string_view node_id, std::string_view output_json) {
  Execution& execution = RunningNodes(model);
  const std::string id(node_id);
  NodeProgress* node = execution.Find(id);
  const bool cached = !node;
  if (cached) {
    node = &execution.nodes.emplace_back(NodeProgress{.id = id, .display_node = id, .real_node = id});
    node->max = Json::Int(1);
  }
  node->value = node->max;
  node->finished = true;
  if (!output_json.empty() && execution.has_owner() && (!cached || model->version.executed_of_cached)) {
    Json data = Json::Object({{"node", Json::String(id)}});
    if (model->version.display_nodes) data.Set("display_node", Json::String(node->display_node));
    data.Set("output", Parsed(output_json));
    data.Set("prompt_id", Json::String(execution.prompt_id));
    Send(model, execution.ToOwner(), "executed", std::move(data));
  }
  SendProgressState(model, execution);
}

void Block(ComfyModel* model, const ErrorSpec& error) {
  const Execution& execution = RunningNodes(model);
  Send(model, execution.ToOwnerOrAll(), "execution_error", ErrorData(model, execution, error));
}

HistoryEntry EndWithSuccess(ComfyModel* model, std::string_view outputs_json,
                            const std::vector<std::string>& cached_nodes) {
  const Json outputs = Parsed(outputs_json);
  const Execution& execution = Running(model);
  if (!execution.cached) Cached(model, cached_nodes);
  return End(model, "execution_success", Json::Object({{"prompt_id", Json::String(execution.prompt_id)}}),
             execution.ToOwner(), outputs);
}

HistoryEntry EndWithError(ComfyModel* model, const ErrorSpec& error) {
  const Json outputs = Parsed(error.outputs_json);
  const Execution& execution = Running(model);
  return End(model, "execution_error", ErrorData(model, execution, error), execution.ToOwner(), outputs);
}

HistoryEntry EndInterrupted(ComfyModel* model, std::string_view node_id, std::string_view node_type,
                            const std::vector<std::string>& executed) {
  const Execution& execution = Running(model);
  const Json data = Json::Object({{"prompt_id", Json::String(execution.prompt_id)},
                                  {"node_id", Json::String(std::string(node_id))},
                                  {"node_type", Json::String(std::string(node_type))},
                                  {"executed", Strings(executed)}});
  return End(model, "execution_interrupted", data, execution.ToOwnerOrAll(), Json::Object());
}

HistoryEntry EndWithEntry(ComfyModel* model, std::string_view raw_history_entry_json) {
  const Execution& execution = Running(model);
  std::string text(raw_history_entry_json);
  ReplaceAll(&text, "$PROMPT", ToText(PromptOf(*model, model->queue.running().front())));
  ReplaceAll(&text, "$ID", Quoted(execution.prompt_id));
  HistoryEntry entry{Parsed(text)};
  TellEndOf(model, entry.json);
  return entry;
}

HistoryEntry EndUnserializable(ComfyModel* model) {
  HistoryEntry entry = EndWithSuccess(model, "{}", {});
  entry.encodable = false;
  return entry;
}

void TaskDone(ComfyModel* model, HistoryEntry entry) {
  const Execution execution = Running(model);
  model->queue.TaskDone([&entry](const QueueItem&) { return std::move(entry); });
  model->executions.pop_front();
  QueueUpdated(model);
  if (!execution.has_owner()) return;
  Send(model, execution.ToOwner(), "executing",
       Json::Object({{"node", Json()}, {"prompt_id", Json::String(execution.prompt_id)}}));
}

}  // namespace fakes
