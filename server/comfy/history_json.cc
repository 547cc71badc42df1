#include "comfy/history_json.h"

#include <utility>

#include "comfy/answers.h"
#include "comfy/outputs.h"

namespace comfy {
namespace {

using jobs::HistoryEntry;
using simdjson::SUCCESS;

// prompt: [number, prompt_id, prompt, extra_data, outputs_to_execute]
simdjson::error_code ReadPrompt(json::value& prompt, HistoryEntry& entry) {
  return EachElement(prompt, [&](std::size_t index, json::value& value) {
    if (index == 0) entry.number = Number(value);
    return index == 3 ? ReadCreateTime(value, entry.create_time) : SUCCESS;
  });
}

// Collects outputs within the bounds of AnswerReader.
class Outputs {
 public:
  Outputs(const Address& comfyui, HistoryEntry& entry) : comfyui_(comfyui), entry_(entry) {}

  // outputs: {node_id: {ui_key: [entry, …]}}
  simdjson::error_code Read(json::value& outputs) {
    return EachField(outputs, [&](std::string_view node_id, json::value& lists) {
      return EachField(lists, [&](std::string_view ui_key, json::value& list) {
        if (!IsArray(list)) return ReadOne(node_id, ui_key, list);
        return EachElement(list, [&](std::size_t, json::value& one) { return ReadOne(node_id, ui_key, one); });
      });
    });
  }

 private:
  // A file, a text, or something of a custom node's that is neither.
  simdjson::error_code ReadOne(std::string_view node_id, std::string_view ui_key, json::value& value) {
    if (!IsObject(value)) {
      std::string text = TextOrEmpty(value);
      if (!text.empty()) Keep(TextOutput(std::string(node_id), std::string(ui_key), std::move(text)));
      return SUCCESS;
    }
    FileEntry file;
    const auto error = EachField(value, [&](std::string_view key, json::value& field) {
      if (key == "filename") file.filename = TextOrEmpty(field);
      if (key == "subfolder") file.subfolder = TextOrEmpty(field);
      if (key == "type") file.folder_type = TextOrEmpty(field);
      if (key == "format") file.format = TextOrEmpty(field);
      return SUCCESS;
    });
    if (!error && !file.filename.empty()) {
      Keep(FileOutput(comfyui_, std::string(node_id), std::string(ui_key), std::move(file)));
    }
    return error;
  }

  void Keep(jobs::Output output) {
    bytes_ += output.node_id.size() + output.ui_key.size() + output.filename.size() + output.subfolder.size() +
              output.folder_type.size() + output.content_type.size() + output.text.size() + output.url.size();
    if (entry_.outputs.size() >= AnswerReader::kMaxOutputs || bytes_ > AnswerReader::kMaxOutputBytes) {
      ++entry_.outputs_left_out;
    } else {
      entry_.outputs.push_back(std::move(output));
    }
  }

  const Address& comfyui_;
  HistoryEntry& entry_;
  std::size_t bytes_ = 0;
};

simdjson::error_code ReadError(json::value& data, jobs::JobError& error, std::optional<jobs::Time>& timestamp) {
  error = {};
  return EachField(data, [&](std::string_view key, json::value& value) {
    if (key == "timestamp") timestamp = TimeFromMillis(value);
    if (key == "node_id") error.node_id = TextOrEmpty(value);
    if (key == "node_type") error.node_type = TextOrEmpty(value);
    if (key == "exception_message") error.message = TextOrEmpty(value);
    if (key == "exception_type") error.exception_type = TextOrEmpty(value);
    if (key != "traceback") return SUCCESS;
    return EachElement(value, [&](std::size_t, json::value& frame) {
      error.traceback.push_back(TextOrEmpty(frame));
      return SUCCESS;
    });
  });
}

// One message: [event, data]
simdjson::error_code ReadMessage(json::value& message, HistoryEntry& entry) {
  std::string event;
  return EachElement(message, [&](std::size_t index, json::value& value) {
    if (index == 0) event = TextOrEmpty(value);
    if (index != 1) return SUCCESS;
    std::optional<jobs::Time> timestamp;
    jobs::JobError details;
    if (event == "execution_cached") {
      return EachField(value, [&](std::string_view key, json::value& nodes) {
        if (key != "nodes" || !IsArray(nodes)) return SUCCESS;
        entry.cached_nodes = 0;
        return EachElement(nodes, [&](std::size_t, json::value&) {
          ++*entry.cached_nodes;
          return SUCCESS;
        });
      });
    }
    if (const auto error = ReadError(value, details, timestamp)) return error;
    if (event == "execution_start") entry.start_time = timestamp;
    // A node that was blocked is told as an execution_error, and the job goes on (0.3.64: not kept in messages).
    const bool blocked = details.exception_type == "ExecutionBlocked";
    const auto end = event == "execution_success"             ? std::optional(HistoryEntry::End::kSuccess)
                     : event == "execution_error" && !blocked ? std::optional(HistoryEntry::End::kError)
                     : event == "execution_interrupted"       ? std::optional(HistoryEntry::End::kInterrupted)
                                                              : std::nullopt;
    if (!end) return SUCCESS;
    entry.end = end;
    entry.end_time = timestamp;
    entry.error = std::move(details);
    return SUCCESS;
  });
}

// status: {"status_str", "completed", "messages": [message, …]}, or null
simdjson::error_code ReadStatus(json::value& status, HistoryEntry& entry) {
  return EachField(status, [&](std::string_view key, json::value& value) {
    if (key == "status_str") entry.status_str = TextOrEmpty(value);
    if (key != "messages") return SUCCESS;
    return EachElement(value, [&](std::size_t, json::value& message) { return ReadMessage(message, entry); });
  });
}

}  // namespace

simdjson::error_code ReadHistoryEntry(json::value& entry_value, const Address& comfyui, HistoryEntry& entry) {
  return EachField(entry_value, [&](std::string_view key, json::value& value) {
    if (key == "prompt") return ReadPrompt(value, entry);
    if (key == "outputs") return Outputs(comfyui, entry).Read(value);
    if (key == "status") return ReadStatus(value, entry);
    return SUCCESS;
  });
}

simdjson::error_code ReadCreateTime(json::value& extra_data, std::optional<jobs::Time>& create_time) {
  return EachField(extra_data, [&](std::string_view key, json::value& value) {
    if (key == "create_time") create_time = TimeFromMillis(value);
    return SUCCESS;
  });
}

}  // namespace comfy
