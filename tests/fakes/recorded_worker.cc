#include "fakes/recorded_worker.h"

#include <algorithm>
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

const Json* MessagesOf(const Json& entry) {
  const Json* status = entry.Find("status");
  return status ? status->Find("messages") : nullptr;
}

// The time in the first or last message of `entry`; 0 when unknown.
int64_t TimeOf(const Json& entry, bool last) {
  const Json* messages = MessagesOf(entry);
  if (!messages || messages->items.empty()) return 0;
  const Json& message = last ? messages->items.back() : messages->items.front();
  const Json* time = message.items[1].Find("timestamp");
  return time ? IntOf(time->text).value_or(0) : 0;
}

ErrorSpec ErrorOf(const Json& data, const std::string& outputs) {
  ErrorSpec error;
  error.node_id = data.Find("node_id")->text;
  error.node_type = data.Find("node_type")->text;
  error.exception_type = data.Find("exception_type")->text;
  error.exception_message = data.Find("exception_message")->text;
  error.traceback = Texts(data.Find("traceback"));
  error.executed = Texts(data.Find("executed"));
  error.outputs_json = outputs;
  error.current_inputs_json = ToText(*data.Find("current_inputs"));
  error.current_outputs = Texts(data.Find("current_outputs"));
  return error;
}

std::vector<Json> Running(const FakeComfy& comfy) {
  return ParseJson(comfy.running_items_json()).value().items;
}
std::vector<Json> Pending(const FakeComfy& comfy) {
  return ParseJson(comfy.pending_items_json()).value().items;
}

}  // namespace

RecordedWorker::RecordedWorker(FakeComfy* comfy, std::atomic<int64_t>* clock_ms, const Recording& recording)
    : comfy_(comfy), clock_ms_(clock_ms) {
  for (const Exchange& exchange : recording.exchanges) {
    if (exchange.status != 200 || exchange.method != "GET") continue;
    if (const auto answer = ParseJson(exchange.body)) Learn(*answer);
  }
}

void RecordedWorker::Learn(const Json& answer) {
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
void RecordedWorker::LearnEntry(const std::string& prompt_id, const Json& entry) {
  const Json& item = *entry.Find("prompt");
  Json& known = entries_[{prompt_id, item.items[0].text}];
  if (known.is_null() || item.items.size() > 4) known = entry;
  LearnItem(item);
}

void RecordedWorker::LearnItem(const Json& item) {
  const Json* time = item.items[3].Find("create_time");
  if (time) create_times_[{KeyOf(item), ToText(item.items[2])}] = IntOf(time->text).value_or(0);
}

const Json* RecordedWorker::EntryOf(const Json& item) const {
  const auto known = entries_.find(KeyOf(item));
  return known == entries_.end() ? nullptr : &known->second;
}

std::string RecordedWorker::RequestBodyOf(const Exchange& exchange) const {
  if (!exchange.request_body.starts_with("(")) return exchange.request_body;
  const Json accepted = ParseJson(exchange.body).value();
  const Json& item = *entries_.at({accepted.Find("prompt_id")->text, accepted.Find("number")->text}).Find("prompt");
  return ToText(Json::Object({{"prompt", item.items[2]}, {"extra_data", item.items[3]}}));
}

void RecordedWorker::StartIfIdle() {
  const std::vector<Json> pending = Pending(*comfy_);
  if (pending.empty() || !comfy_->running().empty()) return;
  const Json& next = *std::min_element(pending.begin(), pending.end(), [](const Json& a, const Json& b) {
    return std::pair(FloatOf(a.items[0]), a.items[1].text) < std::pair(FloatOf(b.items[0]), b.items[1].text);
  });
  const Json* entry = EntryOf(next);
  if (const int64_t time = entry ? TimeOf(*entry, /*last=*/false) : 0) *clock_ms_ = time;
  comfy_->StartNext();
}

bool RecordedWorker::FinishOne() {
  const std::vector<Json> running = Running(*comfy_);
  if (running.empty()) return false;
  const Json* entry = EntryOf(running.front());
  const Json* messages = entry ? MessagesOf(*entry) : nullptr;
  if (const int64_t time = entry ? TimeOf(*entry, /*last=*/true) : 0) *clock_ms_ = time;
  const std::string outputs = entry ? ToText(*entry->Find("outputs")) : "{}";
  if (!messages || messages->items.empty()) {
    const bool unserializable = !entry && comfy_->prompt_of_running().find("\"BadUi\"") != std::string::npos;
    unserializable ? comfy_->FinishUnserializable() : comfy_->FinishSuccess(outputs);
  } else {
    const std::string& event = messages->items.back().items[0].text;
    const Json& data = messages->items.back().items[1];
    if (event == "execution_success") {
      comfy_->FinishSuccess(outputs, Texts(messages->items[1].items[1].Find("nodes")));
    } else if (event == "execution_error") {
      comfy_->FinishError(ErrorOf(data, outputs));
    } else {
      comfy_->FinishInterrupted(data.Find("node_id")->text, data.Find("node_type")->text, Texts(data.Find("executed")));
    }
  }
  StartIfIdle();
  return true;
}

bool RecordedWorker::IsQueued(const Key& job) const {
  const auto is_it = [&job](const Json& item) { return KeyOf(item) == job; };
  const std::vector<Json> running = Running(*comfy_);
  const std::vector<Json> pending = Pending(*comfy_);
  return std::any_of(running.begin(), running.end(), is_it) || std::any_of(pending.begin(), pending.end(), is_it);
}

// Any job that waits or runs although it had ended by then?
bool RecordedWorker::IsOverdue(int64_t now_ms) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& known) {
    const int64_t ended = TimeOf(known.second, /*last=*/true);
    return ended != 0 && ended < now_ms - 1 && IsQueued(known.first);
  });
}

bool RecordedWorker::IsTrueFor(const Exchange& exchange) const {
  if (exchange.method != "GET") return true;
  // A history that cannot be encoded: its culprit has ended.
  if (exchange.status == 500 && exchange.path.starts_with("/history")) return comfy_->running().empty();
  const auto answer = ParseJson(exchange.body);
  if (exchange.status != 200 || !answer) return true;
  const std::vector<Json> running = Running(*comfy_);
  if (const Json* recorded = answer->Find("queue_running")) {
    if (recorded->items.empty() || running.empty()) return recorded->items.size() == running.size();
    return KeyOf(recorded->items[0]) == KeyOf(running[0]);
  }
  if (const Json* info = answer->Find("exec_info")) {
    const auto remaining = static_cast<int64_t>(running.size() + comfy_->pending().size());
    return remaining <= IntOf(info->Find("queue_remaining")->text).value_or(0);
  }
  if (const Json* jobs = answer->Find("jobs")) {
    return std::none_of(jobs->items.begin(), jobs->items.end(), [&](const Json& job) {
      return job.Find("execution_start_time") && IsQueued({job.Find("id")->text, job.Find("priority")->text});
    });
  }
  return std::none_of(answer->members.begin(), answer->members.end(), [&](const auto& member) {
    const Json* prompt = member.second.Find("prompt");
    return prompt && prompt->is_array() && IsQueued(KeyOf(*prompt));
  });
}

void RecordedWorker::CatchUp(const Exchange& exchange) {
  while (IsOverdue(exchange.requested_ms) && FinishOne()) {
  }
  while (!IsTrueFor(exchange) && FinishOne()) {
  }
  *clock_ms_ = exchange.requested_ms;
  if (exchange.method != "POST" || exchange.path != "/prompt" || exchange.status != 200) return;
  const Json accepted = ParseJson(exchange.body).value();
  const Json body = ParseJson(RequestBodyOf(exchange)).value();
  const Key job = {accepted.Find("prompt_id")->text, accepted.Find("number")->text};
  const auto time = create_times_.find({job, ToText(*body.Find("prompt"))});
  if (time != create_times_.end()) *clock_ms_ = time->second;
}

}  // namespace fakes
