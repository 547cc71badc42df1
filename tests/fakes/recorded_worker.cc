#include "fakes/recorded_worker.h"

#include <algorithm>
#include <vector>

#include "fakes/python_number.h"

namespace fakes {
namespace {

using Key = RecordedJobs::Key;

std::vector<Json> Running(const FakeComfy& comfy) {
  return ParseJson(comfy.running_items_json()).value().items;
}
std::vector<Json> Pending(const FakeComfy& comfy) {
  return ParseJson(comfy.pending_items_json()).value().items;
}

}  // namespace

RecordedWorker::RecordedWorker(FakeComfy* comfy, std::atomic<int64_t>* clock_ms, const Recording& recording)
    : comfy_(comfy), clock_ms_(clock_ms), jobs_(recording) {}

void RecordedWorker::StartIfIdle() {
  const std::vector<Json> pending = Pending(*comfy_);
  if (pending.empty() || !comfy_->running().empty()) return;
  const Json& next = *std::min_element(pending.begin(), pending.end(), [](const Json& a, const Json& b) {
    return std::pair(FloatOf(a.items[0]), a.items[1].text) < std::pair(FloatOf(b.items[0]), b.items[1].text);
  });
  if (const int64_t time = StartTimeOf(jobs_.EntryOf(RecordedJobs::KeyOf(next)))) *clock_ms_ = time;
  comfy_->StartNext();
}

bool RecordedWorker::FinishOne() {
  const std::vector<Json> running = Running(*comfy_);
  if (running.empty()) return false;
  const Json* entry = jobs_.EntryOf(RecordedJobs::KeyOf(running.front()));
  if (const int64_t time = EndTimeOf(entry)) *clock_ms_ = time;
  FinishAs(comfy_, entry);
  StartIfIdle();
  return true;
}

bool RecordedWorker::IsQueued(const Key& job) const {
  const auto is_it = [&job](const Json& item) { return RecordedJobs::KeyOf(item) == job; };
  const std::vector<Json> running = Running(*comfy_);
  const std::vector<Json> pending = Pending(*comfy_);
  return std::any_of(running.begin(), running.end(), is_it) || std::any_of(pending.begin(), pending.end(), is_it);
}

// Any job that waits or runs although it had ended by then?
bool RecordedWorker::IsOverdue(int64_t now_ms) const {
  return std::any_of(jobs_.entries().begin(), jobs_.entries().end(), [&](const auto& known) {
    const int64_t ended = EndTimeOf(&known.second);
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
    return RecordedJobs::KeyOf(recorded->items[0]) == RecordedJobs::KeyOf(running[0]);
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
    return prompt && prompt->is_array() && IsQueued(RecordedJobs::KeyOf(*prompt));
  });
}

void RecordedWorker::CatchUp(const Exchange& exchange) {
  while (IsOverdue(exchange.requested_ms) && FinishOne()) {
  }
  while (!IsTrueFor(exchange) && FinishOne()) {
  }
  *clock_ms_ = exchange.IsAcceptedPrompt() ? jobs_.CreateTimeOf(exchange) : exchange.requested_ms;
}

}  // namespace fakes
