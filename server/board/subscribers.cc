#include "board/subscribers.h"

namespace board {

std::uint64_t Subscribers::Add(const Filter& filter, std::shared_ptr<Watcher> watcher) {
  const std::uint64_t id = ++last_id_;
  if (filter.job_ids.empty()) of_all_.insert(id);
  for (const std::string& job_id : filter.job_ids) by_job_[job_id].insert(id);
  by_number_.emplace(id, Subscriber{filter, std::move(watcher)});
  return id;
}

void Subscribers::Remove(std::uint64_t id) {
  const auto found = by_number_.find(id);
  if (found == by_number_.end()) return;
  of_all_.erase(id);
  for (const std::string& job_id : found->second.filter.job_ids) {
    const auto ids = by_job_.find(job_id);
    if (ids->second.erase(id); ids->second.empty()) by_job_.erase(ids);
  }
  by_number_.erase(found);
}

void Subscribers::Notice(const jobs::JobStatus& status, std::uint64_t replaced, bool of_state, Notices& notices) {
  const auto notice = [&](std::uint64_t id) {
    const Subscriber& subscriber = by_number_.at(id);
    if (!subscriber.filter.backend.empty() && subscriber.filter.backend != status.backend) return;
    bool& told = notices[subscriber.watcher];
    told = told || of_state;
    if (replaced > subscriber.watcher->taken_revision()) ++conflated_;
  };
  for (const std::uint64_t id : of_all_) notice(id);
  if (const auto ids = by_job_.find(status.job_id); ids != by_job_.end()) {
    for (const std::uint64_t id : ids->second) notice(id);
  }
}

}  // namespace board
