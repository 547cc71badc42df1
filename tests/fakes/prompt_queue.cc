#include "fakes/prompt_queue.h"

#include <algorithm>
#include <utility>

#include "fakes/python_heap.h"

namespace fakes {
namespace {

constexpr size_t kMaximumHistorySize = 10000;  // execution.py MAXIMUM_HISTORY_SIZE

// Comparing tuples: the first pair of unequal elements decides. NaN is unequal to all and less than none.
bool Less(const QueueItem& a, const QueueItem& b) {
  if (a.number != b.number) return a.number < b.number;
  if (a.prompt_id != b.prompt_id) return a.prompt_id < b.prompt_id;
  if (ToText(a.prompt) != ToText(b.prompt) || ToText(a.extra_data) != ToText(b.extra_data)) {
    throw PythonError("TypeError: '<' not supported between instances of 'dict' and 'dict'");
  }
  return ToText(a.outputs_to_execute) < ToText(b.outputs_to_execute);
}

// For looking only: items that cannot be ordered count as equal.
bool LessWithoutError(const QueueItem& a, const QueueItem& b) {
  if (a.number == b.number && a.prompt_id == b.prompt_id) return false;
  return Less(a, b);
}

}  // namespace

Json QueueItem::ToJson() const {
  Json number_json;
  number_json.kind = Json::Kind::kFloat;
  number_json.text = number_text;
  return Json::Array({number_json, Json::String(prompt_id), prompt, extra_data, outputs_to_execute});
}

std::string ItemsJson(const std::vector<QueueItem>& items) {
  Json list = Json::Array();
  for (const QueueItem& item : items) list.items.push_back(item.ToJson());
  return ToText(list);
}

void PromptQueue::Put(QueueItem item) {
  HeapPush(&pending_, std::move(item), Less);
}

const QueueItem* PromptQueue::Get(int64_t now_ms) {
  if (pending_.empty()) return nullptr;
  running_.push_back(HeapPop(&pending_, Less));
  running_.back().started_ms = now_ms;
  return &running_.back();
}

void PromptQueue::TaskDone(const std::function<HistoryEntry(const QueueItem&)>& make_entry) {
  if (running_.empty()) throw std::logic_error("no job is running");
  HistoryEntry entry = make_entry(running_.front());
  const std::string prompt_id = running_.front().prompt_id;
  running_.erase(running_.begin());
  if (order_.size() > kMaximumHistorySize) {
    places_.erase(order_.begin()->second.first);
    order_.erase(order_.begin());
  }
  const auto [place, is_new] = places_.try_emplace(prompt_id, next_place_);
  if (is_new) ++next_place_;
  order_[place->second] = {prompt_id, std::move(entry)};
}

bool PromptQueue::DeletePending(std::string_view prompt_id) {
  const auto found = std::find_if(pending_.begin(), pending_.end(),
                                  [prompt_id](const QueueItem& item) { return item.prompt_id == prompt_id; });
  if (found == pending_.end()) return false;
  pending_.erase(found);
  Heapify(&pending_, Less);
  return true;
}

void PromptQueue::DeleteHistory(std::string_view prompt_id) {
  const auto place = places_.find(std::string(prompt_id));
  if (place == places_.end()) return;
  order_.erase(place->second);
  places_.erase(place);
}

void PromptQueue::ClearHistory() {
  order_.clear();
  places_.clear();
}

std::vector<QueueItem> PromptQueue::PendingInOrder() const {
  std::vector<QueueItem> heap = pending_;
  std::vector<QueueItem> ordered;
  while (!heap.empty()) ordered.push_back(HeapPop(&heap, LessWithoutError));
  return ordered;
}

const HistoryEntry* PromptQueue::FindHistory(std::string_view prompt_id) const {
  const auto place = places_.find(std::string(prompt_id));
  return place == places_.end() ? nullptr : &order_.at(place->second).second;
}

void PromptQueue::VisitHistory(
    std::optional<int64_t> max_items, int64_t offset,
    const std::function<void(const std::string& prompt_id, const HistoryEntry&)>& visit) const {
  if (offset < 0 && max_items) offset = static_cast<int64_t>(order_.size()) - *max_items;
  int64_t index = 0;
  int64_t given = 0;
  for (const auto& [place, entry] : order_) {
    if (index++ < offset) continue;
    visit(entry.first, entry.second);
    if (max_items && ++given >= *max_items) return;
  }
}

}  // namespace fakes
