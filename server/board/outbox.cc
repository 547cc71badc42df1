#include "board/outbox.h"

#include <algorithm>
#include <cassert>

namespace board {

const jobs::JobStatus* Outbox::Waiting(const std::string& job_id, const std::string& backend) const {
  if (waiting_.empty()) return nullptr;
  const auto found = entries_.find({job_id, backend});
  return found == entries_.end() || found->second.owed ? nullptr : &found->second.status;
}

std::vector<std::string> Outbox::WaitingOf(const std::string& backend) const {
  std::vector<std::string> ids;
  if (waiting_.empty()) return ids;
  for (const auto& [key, entry] : entries_) {
    if (key.second == backend && !entry.owed) ids.push_back(key.first);
  }
  return ids;
}

void Outbox::Enqueue(const Key& key, Entry& entry) {
  entry.change = ++changes_;
  queue_.push_back({key, entry.change});
}

// Null: it has changed since, or is gone.
Outbox::Entry* Outbox::At(const Place& place) {
  const auto found = entries_.find(place.key);
  return found == entries_.end() || found->second.change != place.change ? nullptr : &found->second;
}

void Outbox::Hold(jobs::JobStatus status, bool of_state, jobs::Time now) {
  const Key key(status.job_id, status.backend);
  const auto [found, added] = entries_.try_emplace(key);
  Entry& entry = found->second;
  assert(of_state || (!added && !entry.owed));
  if (added || entry.owed) {
    entry.since = now;
    waiting_.insert(now);
    entry.owed = false;
  }
  entry.status = std::move(status);
  if (of_state) Enqueue(key, entry);
}

void Outbox::Owe(const jobs::JobStatus& told) {
  const Key key(told.job_id, told.backend);
  const auto [found, added] = entries_.try_emplace(key);
  Entry& entry = found->second;
  if (!added && !entry.owed) WaitsNoMore(entry);
  const bool in_place = !added && entry.status.state == told.state;
  if (added) entry.since = told.observe_time;
  entry.owed = entry.replaces = true;
  entry.status = told;
  if (!in_place) Enqueue(key, entry);
  while (owed() > kMaxOwed && !queue_.empty()) {
    const Place oldest = queue_.front();
    queue_.pop_front();
    if (const Entry* const given_up = At(oldest); given_up != nullptr && given_up->owed) entries_.erase(oldest.key);
  }
}

std::vector<jobs::Unwritten> Outbox::Take(std::size_t limit, std::uint64_t first_revision) {
  assert(taken_.empty());
  std::vector<jobs::Unwritten> batch;
  while (!queue_.empty() && batch.size() < limit) {
    const Place place = std::move(queue_.front());
    queue_.pop_front();
    Entry* const entry = At(place);
    if (entry == nullptr) continue;
    jobs::JobStatus status = entry->status;
    if (!entry->owed && jobs::IsTerminal(status.state)) status.revision = first_revision++;
    entry->reserved = status.revision;
    batch.push_back({std::make_shared<const jobs::JobStatus>(std::move(status)), entry->replaces});
    taken_.push_back(place);
  }
  return batch;
}

std::vector<jobs::JobStatus> Outbox::Written(std::uint64_t revision) {
  std::vector<jobs::JobStatus> under_revisions;
  std::vector<jobs::JobStatus> others;
  for (const Place& place : std::exchange(taken_, {})) {
    Entry* const entry = At(place);
    if (entry == nullptr) continue;
    const bool terminal = jobs::IsTerminal(entry->status.state);
    // What was told while it was being written bears another revision now; and nobody may be told a smaller one.
    const bool again =
        terminal && (entry->owed ? entry->reserved != entry->status.revision : entry->reserved <= revision);
    if (again) {
      entry->replaces = true;
      Enqueue(place.key, *entry);
      continue;
    }
    if (!entry->owed) {
      entry->status.revision = terminal ? entry->reserved : 0;
      (terminal ? under_revisions : others).push_back(std::move(entry->status));
      WaitsNoMore(*entry);
    }
    entries_.erase(place.key);
  }
  std::ranges::move(others, std::back_inserter(under_revisions));
  return under_revisions;
}

void Outbox::NotWritten() {
  for (auto place = taken_.rbegin(); place != taken_.rend(); ++place) {
    if (At(*place) != nullptr) queue_.push_front(std::move(*place));
  }
  taken_.clear();
}

void Outbox::HasEnded(const std::string& job_id, const std::string& backend) {
  const auto found = entries_.find({job_id, backend});
  if (found == entries_.end()) return;
  if (found->second.owed) return Enqueue(found->first, found->second);
  WaitsNoMore(found->second);
  entries_.erase(found);
}

std::vector<jobs::JobStatus> Outbox::AllWaiting() const {
  std::vector<const Entry*> waiting;
  for (const auto& [key, entry] : entries_) {
    if (!entry.owed) waiting.push_back(&entry);
  }
  std::ranges::sort(waiting, {}, &Entry::change);
  std::vector<jobs::JobStatus> statuses;
  for (const Entry* const entry : waiting) statuses.push_back(entry->status);
  return statuses;
}

// In the order in which they are written, which is that of their changes; but one that changed again since it came has
// kept its time and lost its place.
jobs::Time Outbox::unwritten_since() const {
  jobs::Time since = waiting_since();
  for (const Place& place : taken_) {
    if (const Entry* const entry = At(place)) since = std::min(since, entry->since);
  }
  const auto next = std::ranges::find_if(queue_, [&](const Place& place) { return At(place) != nullptr; });
  return next == queue_.end() ? since : std::min(since, At(*next)->since);
}

jobs::Time Outbox::waiting_since() const {
  return waiting_.empty() ? jobs::Time::max() : *waiting_.begin();
}

}  // namespace board
