#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fakes/python_json.h"

namespace fakes {

// One element of /queue. `number` is the priority, lower first; a Python int or float (NaN too).
struct QueueItem {
  double number = 0;
  std::string number_text;  // as json.dumps prints it
  std::string prompt_id;
  Json prompt;
  Json extra_data;
  Json outputs_to_execute;
  int64_t started_ms = 0;  // unix ms, once running

  // [number, prompt_id, prompt, extra_data, outputs_to_execute]
  Json ToJson() const;
};

// A list of them, as /queue has it.
std::string ItemsJson(const std::vector<QueueItem>& items);

struct HistoryEntry {
  Json json;
  bool encodable = true;  // false: json.dumps would raise
};

// ComfyUI's PromptQueue (execution.py) without its lock: the caller has that. Same heap, same dict order, same limit.
class PromptQueue {
 public:
  // heappush. Throws PythonError, the item staying in the heap, when two items cannot be ordered.
  void Put(QueueItem item);
  // heappop + insert into running. Throws PythonError, the popped item being lost, when two items cannot be ordered.
  // nullptr: nothing is pending.
  const QueueItem* Get(int64_t now_ms);
  // Removes the running job that started first and puts `make_entry(job)` into history. Throws std::logic_error when
  // none runs.
  void TaskDone(const std::function<HistoryEntry(const QueueItem&)>& make_entry);

  // The first match of each; one match goes, the heap is rebuilt. True if there was one.
  bool DeletePending(std::string_view prompt_id);
  void ClearPending() { pending_.clear(); }
  void DeleteHistory(std::string_view prompt_id);
  void ClearHistory();

  const std::vector<QueueItem>& running() const { return running_; }
  const std::vector<QueueItem>& pending() const { return pending_; }  // a heap
  std::vector<QueueItem> PendingInOrder() const;                      // in the order of execution
  size_t tasks_remaining() const { return running_.size() + pending_.size(); }
  size_t history_size() const { return order_.size(); }

  const HistoryEntry* FindHistory(std::string_view prompt_id) const;
  // get_history of execution.py: `offset` counts from the oldest; negative with max_items: the newest max_items.
  // Calls `visit` oldest first.
  void VisitHistory(std::optional<int64_t> max_items, int64_t offset,
                    const std::function<void(const std::string& prompt_id, const HistoryEntry&)>& visit) const;

 private:
  std::vector<QueueItem> pending_;
  std::vector<QueueItem> running_;
  // A Python dict: ids by age of their first insertion.
  std::map<uint64_t, std::pair<std::string, HistoryEntry>> order_;
  std::unordered_map<std::string, uint64_t> places_;
  uint64_t next_place_ = 0;
};

}  // namespace fakes
