#include "board/subscribers.h"

#include <algorithm>

namespace board {

std::uint64_t Subscribers::Add(const Filter& filter, std::shared_ptr<Watcher> watcher) {
  const std::uint64_t id = ++last_id_;
  for (const std::string& job_id : filter.job_ids) by_job_[job_id].insert(id);
  const Subscriber& subscriber = by_number_.emplace(id, Subscriber{filter, std::move(watcher)}).first->second;
  if (filter.job_ids.empty()) of_all_.emplace(id, &subscriber);
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
  if (!of_all_.empty()) changes_.push_back({status.backend, replaced, of_state});
  const auto ids = by_job_.find(status.job_id);
  if (ids == by_job_.end()) return;
  for (const std::uint64_t id : ids->second) {
    const Subscriber& subscriber = by_number_.at(id);
    if (!subscriber.filter.backend.empty() && subscriber.filter.backend != status.backend) continue;
    bool& told = notices.of_jobs[subscriber.watcher];
    told = told || of_state;
    if (replaced > subscriber.watcher->taken_revision()) ++conflated_;
  }
}

void Subscribers::NoticeOfAll(Notices& notices) {
  if (changes_.empty()) return;
  struct Happened {
    std::vector<std::uint64_t> replaced;
    bool of_state = false;
  };
  std::map<std::string, Happened> happened;  // by backend, and under "" all of it
  for (const Change& change : std::exchange(changes_, {})) {
    for (const std::string& backend : {change.backend, std::string()}) {
      Happened& there = happened[backend];
      there.replaced.push_back(change.replaced);
      there.of_state = there.of_state || change.of_state;
    }
  }
  for (auto& [backend, there] : happened) std::ranges::sort(there.replaced);
  for (const auto& [id, subscriber] : of_all_) {
    const auto there = happened.find(subscriber->filter.backend);
    if (there == happened.end()) continue;
    const auto& [replaced, of_state] = there->second;
    notices.of_all.emplace_back(subscriber->watcher, of_state);
    conflated_ += static_cast<std::uint64_t>(replaced.end() -
                                             std::ranges::upper_bound(replaced, subscriber->watcher->taken_revision()));
  }
}

}  // namespace board
