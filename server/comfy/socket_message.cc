#include "comfy/socket_message.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "comfy/json.h"
#include "jobs/job_id.h"

namespace comfy {

struct SocketMessageReader::Parser {
  json::parser parser;
};

SocketMessageReader::SocketMessageReader() : parser_(std::make_unique<Parser>()) {}
SocketMessageReader::~SocketMessageReader() = default;

namespace {

using jobs::RunEvent;
using simdjson::SUCCESS;

constexpr std::string_view kMirror = "jobstatus.mirror";  // client/comfyui-node
constexpr std::size_t kMaxNodes = 20'000;                 // of one message; parts of expanded nodes included

// The fields of all events' data that are read, whichever event it is.
struct Data {
  std::optional<int> queue_remaining;
  std::optional<std::string> sid;
  std::optional<std::string> prompt_id;
  std::optional<jobs::Time> timestamp;
  std::optional<std::string> node;
  bool node_is_null = false;
  std::string display_node;
  std::optional<double> value;
  double max = 0;
  std::string exception_type;
  std::vector<std::string> node_ids;             // of execution_cached
  std::vector<RunEvent::NodeState> node_states;  // of progress_state
};

simdjson::error_code ReadStatus(json::value& status, Data& data) {
  return EachField(status, [&](std::string_view key, json::value& info) {
    if (key != "exec_info") return SUCCESS;
    return EachField(info, [&](std::string_view name, json::value& count) {
      if (name != "queue_remaining") return SUCCESS;
      const std::int64_t remaining = Integer(count).value_or(0);
      data.queue_remaining = static_cast<int>(std::clamp<std::int64_t>(remaining, 0, std::numeric_limits<int>::max()));
      return SUCCESS;
    });
  });
}

simdjson::error_code ReadNodeState(std::string_view id, json::value& node, Data& data) {
  if (data.node_states.size() >= kMaxNodes || !IsObject(node)) return SUCCESS;
  RunEvent::NodeState& state = data.node_states.emplace_back();
  state.node = id;
  return EachField(node, [&](std::string_view key, json::value& value) {
    if (key == "value") state.value = Number(value).value;
    if (key == "max") state.max = Number(value).value;
    if (key == "state") state.finished = TextOrEmpty(value) == "finished";
    if (key == "display_node_id") state.display_node = TextOrEmpty(value);
    return SUCCESS;
  });
}

simdjson::error_code ReadData(json::value& value, Data& data) {
  return EachField(value, [&](std::string_view key, json::value& field) {
    if (key == "prompt_id") data.prompt_id = ExactString(field);
    if (key == "node") {
      data.node_is_null = IsNull(field);
      if (!data.node_is_null) data.node = ExactString(field);
    }
    if (key == "display_node") data.display_node = TextOrEmpty(field);
    if (key == "value") data.value = Number(field).value;
    if (key == "max") data.max = Number(field).value;
    if (key == "timestamp") data.timestamp = TimeFromMillis(field);
    if (key == "exception_type") data.exception_type = TextOrEmpty(field);
    if (key == "sid") data.sid = ExactString(field);
    if (key == "status") return ReadStatus(field, data);
    if (key != "nodes") return SUCCESS;
    if (IsObject(field)) {
      return EachField(field, [&](std::string_view id, json::value& node) { return ReadNodeState(id, node, data); });
    }
    return EachElement(field, [&](std::size_t, json::value& id) {
      if (auto text = ExactString(id); text && data.node_ids.size() < kMaxNodes)
        data.node_ids.push_back(*std::move(text));
      return SUCCESS;
    });
  });
}

// What an event of that type says of a run; nothing for one that says nothing.
std::optional<decltype(RunEvent::what)> Meaning(std::string_view type, Data& data) {
  if (type == "progress" && data.value) return RunEvent::Step{std::move(data.node), *data.value, data.max};
  if (type == "executing") {
    if (data.node) return RunEvent::Executing{*std::move(data.node), std::move(data.display_node)};
    if (data.node_is_null && data.prompt_id) return RunEvent::Over{};
    return std::nullopt;
  }
  if (!data.prompt_id) return std::nullopt;
  if (type == "progress_state") return RunEvent::NodeStates{std::move(data.node_states)};
  if (type == "execution_start") return RunEvent::Began{data.timestamp};
  if (type == "execution_cached") return RunEvent::Cached{std::move(data.node_ids)};
  if (type == "execution_success") return RunEvent::Over{};
  if (type == "execution_interrupted") return RunEvent::Over{.failed = true};
  // A node that was blocked is told as an error, and the run goes on.
  if (type == "execution_error" && data.exception_type != "ExecutionBlocked") return RunEvent::Over{.failed = true};
  return std::nullopt;
}

struct Wrapping {
  bool mirrored = false;
  bool replayed = false;
};

// {"type": …, "data": …}, in that order: so ComfyUI writes it. A mirrored event has another one as its data.
simdjson::error_code ReadEvent(json::object& object, std::string& type, Data& data, Wrapping& wrapping) {
  return EachField(object, [&](std::string_view key, json::value& value) {
    if (key == "type") type = TextOrEmpty(value);
    if (key == "replayed") wrapping.replayed = true;
    if (key != "data" || type.empty()) return SUCCESS;
    if (type != kMirror || wrapping.mirrored) return ReadData(value, data);
    if (!IsObject(value)) return SUCCESS;
    json::object inner;
    if (const auto error = value.get_object().get(inner)) return error;
    wrapping.mirrored = true;
    type.clear();
    return ReadEvent(inner, type, data, wrapping);
  });
}

}  // namespace

std::optional<SocketMessage> SocketMessageReader::Read(const Body& text, RunEvent::Channel channel, jobs::Time now) {
  json::document document;
  json::object root;
  std::string type;
  Data data;
  Wrapping wrapping;
  if (text.size() == 0 || parser_->parser.iterate(text.data(), text.size(), text.capacity()).get(document) ||
      document.get_object().get(root) || ReadEvent(root, type, data, wrapping)) {
    return std::nullopt;
  }
  SocketMessage message;
  if (type == "status") {
    message.queue_remaining = data.queue_remaining;
    message.sid = std::move(data.sid);
  } else if (type == "feature_flags") {
    message.features = true;
  } else if (data.prompt_id && !jobs::IsUsableJobId(*data.prompt_id)) {
    // A job that is not followed. What is kept of events is thereby bounded, too.
  } else if (auto what = Meaning(type, data)) {
    // To one who comes back as the owner of the running job ComfyUI says which node runs, and leaves out the job.
    const bool to_late_comer = wrapping.replayed || (type == "executing" && !data.prompt_id);
    message.event = {.job_id = std::move(data.prompt_id).value_or(""),
                     .channel = wrapping.mirrored ? RunEvent::Channel::kMirror : channel,
                     .replayed = to_late_comer,
                     .heard_at = now,
                     .what = *std::move(what)};
  }
  return message;
}

}  // namespace comfy
