#include "board/subscribers.h"

#include <algorithm>

namespace board {

std::uint64_t Subscribers::Add(const Filter& filter, std::shared_ptr<Watcher> watcher) {
  const std::uint64_t id = ++last_id_;
  if (filter.job_ids.empty()) {
    of_all_.push_back({id, filter.backend, std::move(watcher)});
  } else {
    for (const std::string& job_id : filter.job_ids) by_job_[job_id].insert(id);
    of_jobs_.emplace(id, OfJobs{filter, std::move(watcher)});
  }
  return id;
}

void Subscribers::Remove(std::uint64_t id) {
  if (const auto found = of_jobs_.find(id); found != of_jobs_.end()) {
    for (const std::string& job_id : found->second.filter.job_ids) {
      const auto ids = by_job_.find(job_id);
      if (ids->second.erase(id); ids->second.empty()) by_job_.erase(ids);
    }
    of_jobs_.erase(found);
  } else if (const auto at = std::ranges::lower_bound(of_all_, id, {}, &OfAll::id);
             at != of_all_.end() && at->id == id && at->watcher != nullptr) {
    at->watcher.reset();
    // All at once now and then: one by one is slow where thousands leave together.
    if (++gone_ > of_all_.size() / 2) {
      std::erase_if(of_all_, [](const OfAll& subscriber) { return subscriber.watcher == nullptr; });
      gone_ = 0;
    }
  }
}

void Subscribers::Notice(const jobs::JobStatus& status, std::uint64_t replaced, bool of_state, Notices& notices) {
  if (!of_all_.empty()) changes_.push_back({status.backend, replaced, of_state});
  const auto ids = by_job_.find(status.job_id);
  if (ids == by_job_.end()) return;
  for (const std::uint64_t id : ids->second) {
    const OfJobs& subscriber = of_jobs_.at(id);
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
  notices.of_all.reserve(notices.of_all.size() + of_all_.size());
  for (const OfAll& subscriber : of_all_) {
    const auto there = happened.find(subscriber.backend);
    if (there == happened.end() || subscriber.watcher == nullptr) continue;
    const auto& [replaced, of_state] = there->second;
    notices.of_all.emplace_back(subscriber.watcher, of_state);
    conflated_ += static_cast<std::uint64_t>(replaced.end() -
                                             std::ranges::upper_bound(replaced, subscriber.watcher->taken_revision()));
  }
}

}  // namespace board
