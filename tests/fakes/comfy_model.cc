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

// `make_last` gives the last message: event and data.
void Finish(ComfyModel* model, const Json& outputs, std::string_view status_str,
            const std::vector<std::string>& cached_nodes, const std::function<Json(const QueueItem&)>& make_last,
            bool encodable = true) {
  model->queue.TaskDone([&](const QueueItem& item) {
    Json entry = Json::Object({{"prompt", PromptOf(*model, item)}, {"outputs", outputs}});
    if (model->version.history_status) {
      Json messages = StartMessages(item, cached_nodes);
      messages.items.push_back(make_last(item));
      entry.Set("status", Json::Object({{"status_str", Json::String(std::string(status_str))},
                                        {"completed", Json::Bool(status_str == "success")},
                                        {"messages", std::move(messages)}}));
      entry.Set("meta", Meta(outputs));
    }
    return HistoryEntry{std::move(entry), encodable};
  });
}

std::function<Json(const QueueItem&)> SuccessMessage(const ComfyModel* model) {
  return [model](const QueueItem& item) {
    return Message("execution_success", Json::Object({{"prompt_id", Json::String(item.prompt_id)},
                                                      {"timestamp", Json::Int(model->now_ms())}}));
  };
}

void ReplaceAll(std::string* text, std::string_view word, std::string_view with) {
  for (size_t at = text->find(word); at != std::string::npos; at = text->find(word, at + with.size())) {
    text->replace(at, word.size(), with);
  }
}

}  // namespace

std::optional<std::string> StartNext(ComfyModel* model) {
  if (model->worker_dead) return std::nullopt;
  try {
    const QueueItem* item = model->queue.Get(model->now_ms());
    if (!item) return std::nullopt;
    model->interrupt = false;
    return item->prompt_id;
  } catch (const PythonError&) {
    model->worker_dead = true;
    return std::nullopt;
  }
}

void FinishSuccess(ComfyModel* model, std::string_view outputs_json, const std::vector<std::string>& cached_nodes) {
  Finish(model, Parsed(outputs_json), "success", cached_nodes, SuccessMessage(model));
}

void FinishError(ComfyModel* model, const ErrorSpec& error) {
  Finish(model, Parsed(error.outputs_json), "error", {}, [&](const QueueItem& item) {
    return Message("execution_error", Json::Object({{"prompt_id", Json::String(item.prompt_id)},
                                                    {"node_id", Json::String(error.node_id)},
                                                    {"node_type", Json::String(error.node_type)},
                                                    {"executed", Strings(error.executed)},
                                                    {"exception_message", Json::String(error.exception_message)},
                                                    {"exception_type", Json::String(error.exception_type)},
                                                    {"traceback", Strings(error.traceback)},
                                                    {"current_inputs", Parsed(error.current_inputs_json)},
                                                    {"current_outputs", Strings(error.current_outputs)},
                                                    {"timestamp", Json::Int(model->now_ms())}}));
  });
}

void FinishInterrupted(ComfyModel* model, std::string_view node_id, std::string_view node_type,
                       const std::vector<std::string>& executed) {
  Finish(model, Json::Object(), "error", {}, [&](const QueueItem& item) {
    return Message("execution_interrupted", Json::Object({{"prompt_id", Json::String(item.prompt_id)},
                                                          {"node_id", Json::String(std::string(node_id))},
                                                          {"node_type", Json::String(std::string(node_type))},
                                                          {"executed", Strings(executed)},
                                                          {"timestamp", Json::Int(model->now_ms())}}));
  });
}

void FinishWithEntry(ComfyModel* model, std::string_view raw_history_entry_json) {
  model->queue.TaskDone([&](const QueueItem& item) {
    std::string text(raw_history_entry_json);
    ReplaceAll(&text, "$PROMPT", ToText(PromptOf(*model, item)));
    ReplaceAll(&text, "$ID", Quoted(item.prompt_id));
    return HistoryEntry{Parsed(text)};
  });
}

void FinishUnserializable(ComfyModel* model) {
  Finish(model, Json::Object(), "success", {}, SuccessMessage(model), /*encodable=*/false);
}

}  // namespace fakes
