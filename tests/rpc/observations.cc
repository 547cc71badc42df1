#include "rpc/observations.h"

#include <algorithm>

namespace {

std::vector<jobs::QueueItem> Items(const std::vector<std::string>& ids) {
  std::vector<jobs::QueueItem> items;
  for (const std::string& id : ids) items.push_back({.job_id = id, .number = {static_cast<double>(items.size())}});
  return items;
}

}  // namespace

jobs::QueueObserved Queue(const std::vector<std::string>& running, const std::vector<std::string>& pending) {
  return {{.running = Items(running), .pending = Items(pending)}};
}

jobs::QueueObserved QueueOf(const std::string& job_id, int size) {
  std::vector<std::string> pending(static_cast<std::size_t>(size));  // an empty id takes a place and is not followed
  pending.front() = job_id;
  return Queue({}, pending);
}

jobs::HistoryObserved Completed(const std::string& job_id, const std::string& filename) {
  jobs::HistoryObserved history{.job_id = job_id};
  history.entry.end = jobs::HistoryEntry::End::kSuccess;
  history.entry.outputs = {
      {.node_id = "9", .ui_key = "images", .media_type = jobs::MediaType::kImage, .filename = filename}};
  return history;
}

jobs::HistoryObserved Failed(const std::string& job_id, const std::string& message) {
  jobs::HistoryObserved history{.job_id = job_id};
  history.entry.end = jobs::HistoryEntry::End::kError;
  history.entry.error.message = message;
  return history;
}

jobs::AbsenceObserved Vanished(const std::string& job_id) {
  return {job_id, {}};
}

jobs::BackendFailed Unreachable() {
  return {{.kind = jobs::BackendError::Kind::kUnreachable, .detail = "connection refused"}};
}
