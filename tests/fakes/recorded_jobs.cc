#include "fakes/recorded_jobs.h"

#include <string_view>
#include <vector>

#include "fakes/python_number.h"

namespace fakes {
namespace {

std::vector<std::string> Texts(const Json* array) {
  std::vector<std::string> texts;
  if (!array) return texts;
  for (const Json& item : array->items) texts.push_back(item.text);
  return texts;
}

// nullptr when there are none.
const Json* MessagesOf(const Json* entry) {
  const Json* status = entry ? entry->Find("status") : nullptr;
  const Json* messages = status ? status->Find("messages") : nullptr;
  return messages && !messages->items.empty() ? messages : nullptr;
}

int64_t TimeOf(const Json& message) {
  const Json* time = message.items[1].Find("timestamp");
  return time ? IntOf(time->text).value_or(0) : 0;
}

Json StatusOf(const std::vector<Json>& messages) {
  const bool success = messages.back().items[0].text == "execution_success";
  return Json::Object({{"status_str", Json::String(success ? "success" : "error")},
                       {"completed", Json::Bool(success)},
                       {"messages", Json::Array(messages)}});
}

// The words of FinishWithEntry in place of what is in the queue.
std::string WithPlaceholders(Json entry) {
  entry.Set("prompt", Json::String("$PROMPT"));
  std::string text = ToText(entry);
  constexpr std::string_view kQuoted = "\"$PROMPT\"";
  return text.replace(text.find(kQuoted), kQuoted.size(), "$PROMPT");
}

}  // namespace

RecordedJobs::RecordedJobs(const Recording& recording) {
  for (const Exchange& exchange : recording.exchanges) {
    const auto answer = exchange.status == 200 ? ParseJson(exchange.body) : std::nullopt;
    if (!answer) continue;
    if (exchange.method == "GET") Learn(*answer);
    if (exchange.IsAcceptedPrompt()) posted_[answer->Find("prompt_id")->text] = AcceptedAs(exchange);
  }
}

void RecordedJobs::Learn(const Json& answer) {
  for (const auto& [id, entry] : answer.members) {
    const Json* prompt = entry.Find("prompt");
    if (prompt && prompt->is_array()) LearnEntry(id, entry);
  }
  for (const char* list : {"queue_running", "queue_pending"}) {
    const Json* items = answer.Find(list);
    for (size_t i = 0; items && i < items->items.size(); ++i) LearnItem(items->items[i]);
  }
  const Json* workflow = answer.Find("workflow");  // of /api/jobs/{id}
  if (!workflow || !answer.Find("execution_status")) return;
  const Json prompt = Json::Array(
      {*answer.Find("priority"), *answer.Find("id"), *workflow->Find("prompt"), *workflow->Find("extra_data")});
  LearnEntry(answer.Find("id")->text, Json::Object({{"prompt", prompt},
                                                    {"outputs", *answer.Find("outputs")},
                                                    {"status", *answer.Find("execution_status")}}));
}

// What /history shows is more than what /api/jobs/{id} shows: that drops nulls from the outputs.
void RecordedJobs::LearnEntry(const std::string& prompt_id, const Json& entry) {
  const Json& item = *entry.Find("prompt");
  Json& known = entries_[{prompt_id, item.items[0].text}];
  if (known.is_null() || item.items.size() > 4) known = entry;
  LearnItem(item);
}

void RecordedJobs::LearnItem(const Json& item) {
  const Json* time = item.items[3].Find("create_time");
  if (time) create_times_[{KeyOf(item), ToText(item.items[2])}] = IntOf(time->text).value_or(0);
}

void RecordedJobs::LearnFrom(const std::vector<Moment>& moments) {
  struct Told {
    std::vector<Json> messages;
    Json outputs = Json::Object();
  };
  std::map<std::string, Told> told;
  for (const Moment& moment : moments) {
    const std::string type = moment.type();
    if (moment.prompt_id().empty()) continue;
    Told& job = told[moment.prompt_id()];
    if (type == "execution_start") job = {};
    if (type == "execution_start" || type == "execution_cached" || moment.is_end()) {
      job.messages.push_back(Json::Array({Json::String(type), moment.data()}));
    }
    const Json* output = type == "executed" ? moment.data().Find("output") : nullptr;
    if (output && !output->is_null()) job.outputs.Set(moment.data().Find("node")->text, *output);
  }
  for (auto& [prompt_id, job] : told) {
    const auto key = posted_.find(prompt_id);
    if (key == posted_.end() || job.messages.size() < 2) continue;  // not told to any of the sockets
    if (job.messages.size() == 2) {
      job.messages.push_back(Json::Array({Json::String("execution_success"), Json::Object()}));
    }
    Json& entry = entries_[key->second];
    if (entry.is_null()) entry = Json::Object({{"outputs", job.outputs}});
    if (!MessagesOf(&entry)) entry.Set("status", StatusOf(job.messages));
  }
}

RecordedJobs::Key RecordedJobs::AcceptedAs(const Exchange& exchange) const {
  const Json accepted = ParseJson(exchange.body).value();
  return {accepted.Find("prompt_id")->text, accepted.Find("number")->text};
}

const Json* RecordedJobs::EntryOf(const Key& job) const {
  const auto known = entries_.find(job);
  return known == entries_.end() ? nullptr : &known->second;
}

std::string RecordedJobs::RequestBodyOf(const Exchange& exchange) const {
  if (!exchange.request_body.starts_with("(")) return exchange.request_body;
  const Json* entry = EntryOf(AcceptedAs(exchange));
  const Json* item = entry ? entry->Find("prompt") : nullptr;
  if (!item) return "";
  return ToText(Json::Object({{"prompt", item->items[2]}, {"extra_data", item->items[3]}}));
}

int64_t RecordedJobs::CreateTimeOf(const Exchange& exchange) const {
  const auto body = ParseJson(RequestBodyOf(exchange));
  const Json* prompt = body ? body->Find("prompt") : nullptr;
  if (!prompt) return exchange.requested_ms;
  const auto time = create_times_.find({AcceptedAs(exchange), ToText(*prompt)});
  return time == create_times_.end() ? exchange.requested_ms : time->second;
}

int64_t StartTimeOf(const Json* entry) {
  const Json* messages = MessagesOf(entry);
  return messages ? TimeOf(messages->items.front()) : 0;
}

int64_t EndTimeOf(const Json* entry) {
  const Json* messages = MessagesOf(entry);
  return messages ? TimeOf(messages->items.back()) : 0;
}

ErrorSpec ErrorOf(const Json& data) {
  ErrorSpec error;
  error.node_id = data.Find("node_id")->text;
  error.node_type = data.Find("node_type")->text;
  error.exception_type = data.Find("exception_type")->text;
  error.exception_message = data.Find("exception_message")->text;
  error.traceback = Texts(data.Find("traceback"));
  error.executed = Texts(data.Find("executed"));
  error.current_inputs_json = ToText(*data.Find("current_inputs"));
  error.current_outputs = Texts(data.Find("current_outputs"));
  return error;
}

void FinishAs(FakeComfy* comfy, const Json* entry) {
  const std::string outputs = entry ? ToText(*entry->Find("outputs")) : "{}";
  const Json* messages = MessagesOf(entry);
  if (!messages) {
    const bool unserializable = !entry && comfy->prompt_of_running().find("\"BadUi\"") != std::string::npos;
    return unserializable ? comfy->FinishUnserializable() : comfy->FinishSuccess(outputs);
  }
  const std::string& event = messages->items.back().items[0].text;
  const Json& data = messages->items.back().items[1];
  const Json* completed = entry->Find("status")->Find("completed");
  if (event == "execution_success") {
    comfy->FinishSuccess(outputs, Texts(messages->items[1].items[1].Find("nodes")));
  } else if (completed->boolean) {  // what the Finish functions do not do: a failure that is recorded as a success
    comfy->FinishWithEntry(WithPlaceholders(*entry));
  } else if (event == "execution_error") {
    ErrorSpec error = ErrorOf(data);
    error.outputs_json = outputs;
    comfy->FinishError(error);
  } else {
    comfy->FinishInterrupted(data.Find("node_id")->text, data.Find("node_type")->text, Texts(data.Find("executed")));
  }
}

}  // namespace fakes
