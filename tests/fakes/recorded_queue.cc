#include "fakes/recorded_queue.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include "fakes/comfy_routes.h"
#include "fakes/python_number.h"

namespace fakes {
namespace {

// A request's time is when it was sent: what it caused was told some time later.
constexpr int64_t kClockSlackUs = 2000;
constexpr size_t kUuidLength = 36;

FakeComfyOptions With(FakeComfyOptions options, const std::string& version, std::function<int64_t()> now_ms,
                      std::function<std::string()> make_id) {
  options.version = version;
  options.now_ms = std::move(now_ms);
  options.make_id = std::move(make_id);
  return options;
}

std::vector<std::string> IdsIn(const Json& body, std::string_view key) {
  std::vector<std::string> ids;
  const Json* list = body.Find(key);
  for (size_t i = 0; list && i < list->items.size(); ++i) {
    if (list->items[i].is_string()) ids.push_back(list->items[i].text);
  }
  return ids;
}

}  // namespace

RecordedQueue::RecordedQueue(const Recording& recording, const std::vector<RecordedSocket>& sockets,
                             const std::vector<Moment>& moments, FakeComfyOptions options)
    : recording_(recording),
      jobs_(recording),
      comfy_(With(
          std::move(options), recording.version, [this] { return clock_ms_.load(); }, [this] { return next_id_; })) {
  jobs_.LearnFrom(moments);
  for (const Exchange& exchange : recording.exchanges) Plan(exchange);
  PlanUnposted(moments, sockets);
}

void RecordedQueue::Plan(const Exchange& exchange) {
  if (exchange.method != "POST" || exchange.status != 200) return;
  const int64_t time_us = exchange.requested_ms * 1000;
  if (exchange.IsAcceptedPrompt()) deeds_.push_back({Deed::Kind::kSubmit, time_us, "", &exchange});
  const Json body = ParseJson(exchange.request_body).value_or(Json::Object());
  if (exchange.path == "/queue") {
    if (SaysClear(body)) deeds_.push_back({Deed::Kind::kClear, time_us});
    for (const std::string& id : IdsIn(body, "delete")) deeds_.push_back({Deed::Kind::kDelete, time_us, id});
  } else if (exchange.path == "/history") {
    if (SaysClear(body)) history_deeds_.push_back({Deed::Kind::kClear, time_us});
    for (const std::string& id : IdsIn(body, "delete")) history_deeds_.push_back({Deed::Kind::kDelete, time_us, id});
  } else if (exchange.path.starts_with("/api/jobs/")) {  // of running jobs nothing is to be done: they will end
    const std::string id = exchange.path.substr(std::string_view("/api/jobs/").size(), kUuidLength);
    deeds_.push_back({Deed::Kind::kDelete, time_us, id});
    for (const std::string& batch : IdsIn(body, "job_ids")) deeds_.push_back({Deed::Kind::kDelete, time_us, batch});
  }
}

// Some recordings tell of jobs whose submission they do not have.
void RecordedQueue::PlanUnposted(const std::vector<Moment>& moments, const std::vector<RecordedSocket>& sockets) {
  for (const Moment& moment : moments) {
    const std::string id = moment.prompt_id();
    if (id.empty() || jobs_.IsPosted(id)) continue;
    const auto is_known = [&id](const Deed& deed) { return deed.kind == Deed::Kind::kSubmit && deed.prompt_id == id; };
    if (std::any_of(deeds_.begin(), deeds_.end(), is_known)) continue;
    const std::string owner = moment.type() == "execution_start" ? sockets[moment.sockets[0]].client_id : "";
    const auto later = std::find_if(deeds_.begin(), deeds_.end(),
                                    [&moment](const Deed& deed) { return deed.time_us > moment.time_us; });
    deeds_.insert(later, {Deed::Kind::kSubmit, moment.time_us, id, nullptr, owner});
  }
}

void RecordedQueue::Rename(std::string recorded, std::string actual) {
  recorded_client_ = std::move(recorded);
  actual_client_ = std::move(actual);
}

// nullptr when nobody runs.
const Json* RecordedQueue::EntryOfRunning() const {
  const Json running = ParseJson(comfy_.running_items_json()).value();
  return running.items.empty() ? nullptr : jobs_.EntryOf(RecordedJobs::KeyOf(running.items.front()));
}

bool RecordedQueue::IsPending(const std::string& prompt_id) const {
  const std::vector<std::string> pending = comfy_.pending();
  return std::find(pending.begin(), pending.end(), prompt_id) != pending.end();
}

// Those that changed nothing when they were done, which no socket is told: nothing there by that id.
void RecordedQueue::ForgetIdleDeeds() {
  while (!deeds_.empty() && deeds_.front().kind == Deed::Kind::kDelete && !IsPending(deeds_.front().prompt_id)) {
    deeds_.pop_front();
  }
}

// One job less: was it taken out of the queue, or did the running one end?
bool RecordedQueue::DeletionComesFirst(int64_t time_us) const {
  if (deeds_.empty() || deeds_.front().time_us > time_us + kClockSlackUs) return false;
  if (deeds_.front().kind != Deed::Kind::kDelete && deeds_.front().kind != Deed::Kind::kClear) return false;
  const std::vector<std::string> running = comfy_.running();
  if (!running.empty() && running.front() == ended_) return false;
  const int64_t ended_ms = EndTimeOf(EntryOfRunning());
  return ended_ms == 0 || deeds_.front().time_us <= ended_ms * 1000;
}

void RecordedQueue::CatchUp(const Moment& moment) {
  CatchUpWithHistory(moment.time_us);
  if (moment.is_end()) ended_ = moment.prompt_id();
  if (moment.kind == Moment::Kind::kMessage && moment.type() == "status") CatchUpWithStatus(moment);
}

void RecordedQueue::CatchUpWithStatus(const Moment& status) {
  const auto told = static_cast<size_t>(
      IntOf(status.data().Find("status")->Find("exec_info")->Find("queue_remaining")->text).value());
  ForgetIdleDeeds();
  if (told == remaining()) {
    if (comfy_.running().empty()) return StartNext();
    // A queue that was empty was cleared, or this was said twice.
    if (comfy_.pending().empty() && DeletionComesFirst(status.time_us)) {
      deeds_.pop_front();
      comfy_.ClearQueue();
    }
    return;
  }
  if (told < remaining() && DeletionComesFirst(status.time_us)) {
    const Deed deed = deeds_.front();
    deeds_.pop_front();
    deed.kind == Deed::Kind::kClear ? comfy_.ClearQueue() : comfy_.DeletePending({deed.prompt_id});
  } else if (told < remaining()) {
    Finish();
  }
  while (told > remaining() && !deeds_.empty() && deeds_.front().kind == Deed::Kind::kSubmit) SubmitNext();
  if (told == remaining()) return;
  throw std::runtime_error(recording_.version + "/" + recording_.scenario + ": nothing recorded leads from " +
                           std::to_string(remaining()) + " jobs to " + std::to_string(told));
}

// Of this no socket is told.
void RecordedQueue::CatchUpWithHistory(int64_t time_us) {
  while (!history_deeds_.empty() && history_deeds_.front().time_us <= time_us) {
    const Deed deed = history_deeds_.front();
    history_deeds_.pop_front();
    deed.kind == Deed::Kind::kClear ? comfy_.ClearHistory() : comfy_.DeleteHistory(deed.prompt_id);
  }
}

void RecordedQueue::SubmitNext() {
  const Deed deed = deeds_.front();
  deeds_.pop_front();
  PromptRequest request{.client_id = deed.client_id};
  next_id_ = deed.prompt_id;
  clock_ms_ = deed.time_us / 1000;
  if (deed.exchange) {
    const Json accepted = ParseJson(deed.exchange->body).value();
    request = RequestOf(*deed.exchange);
    next_id_ = accepted.Find("prompt_id")->text;
    clock_ms_ = jobs_.CreateTimeOf(*deed.exchange);
    if (!request.number) CountTo(std::abs(IntOf(accepted.Find("number")->text).value()));
  }
  if (!recorded_client_.empty() && request.client_id == recorded_client_) request.client_id = actual_client_;
  comfy_.Submit(request);
  if (!request.number) ++count_;
}

// The server gives numbers to what it refuses, too.
void RecordedQueue::CountTo(int64_t number) {
  for (; count_ < number; ++count_) {
    try {
      comfy_.Submit({.prompt_json = "{}"});
    } catch (const std::invalid_argument&) {  // as it was meant
    }
  }
}

PromptRequest RecordedQueue::RequestOf(const Exchange& exchange) const {
  const Json body = ParseJson(jobs_.RequestBodyOf(exchange)).value_or(Json::Object());
  PromptRequest request;
  if (const Json* prompt = body.Find("prompt")) request.prompt_json = ToText(*prompt);
  if (const Json* number = body.Find("number")) request.number = ToText(*number);
  const Json* front = body.Find("front");
  request.front = front && front->boolean;
  const Json* extra_data = body.Find("extra_data");
  Json extra = extra_data ? *extra_data : Json::Object();
  // It may be anything, and in either place.
  const Json* client_id = body.Find("client_id") ? body.Find("client_id") : extra.Find("client_id");
  if (client_id && client_id->is_string()) request.client_id = client_id->text;
  if (client_id && request.client_id.empty()) extra.Set("client_id", *client_id);
  request.extra_data_json = ToText(extra);
  return request;
}

void RecordedQueue::StartNext() {
  const std::vector<std::string> pending = comfy_.pending();
  const Json items = ParseJson(comfy_.pending_items_json()).value();
  for (const Json& item : items.items) {
    if (item.items[1].text != pending.front()) continue;
    if (const int64_t time = StartTimeOf(jobs_.EntryOf(RecordedJobs::KeyOf(item)))) clock_ms_ = time;
  }
  comfy_.StartNext();
}

void RecordedQueue::Finish() {
  if (comfy_.running().empty()) return;
  const Json* entry = EntryOfRunning();
  if (const int64_t time = EndTimeOf(entry)) clock_ms_ = time;
  FinishAs(&comfy_, entry);
}

}  // namespace fakes
