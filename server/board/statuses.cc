#include "board/statuses.h"

#include <algorithm>
#include <cassert>

#include "jobs/status_size.h"

namespace board {
namespace {

// How many that are still needed are passed over at once. Of those that a full disk keeps here there may be many.
constexpr std::size_t kMostPassedOver = 64;

// With room for what is encoded of it when it is asked for, which is no longer than itself.
std::size_t BytesOf(const jobs::JobStatus& status) {
  const std::size_t bytes = jobs::SizeInMemory(status);
  return bytes + std::min(bytes, jobs::OnceMade::kMaxBytes) + Statuses::kBytesOfAnEntry;
}

}  // namespace

Snapshot Statuses::Find(const std::string& job_id, const std::string& backend) const {
  const auto found = by_id_.find(job_id);
  if (found == by_id_.end()) return nullptr;
  Snapshot best;
  for (const Snapshot& snapshot : found->second) {
    if (!backend.empty() && snapshot->backend != backend) continue;
    const auto rank = [](const jobs::JobStatus& s) { return std::pair(!jobs::IsTerminal(s.state), s.revision); };
    if (!best || rank(*best) < rank(*snapshot)) best = snapshot;
  }
  return best;
}

void Statuses::Put(Snapshot next) {
  if (const Snapshot old = Find(next->job_id, next->backend)) {
    assert(old->revision < next->revision);
    Erase(old);
  }
  by_revision_.emplace(next->revision, next);
  ++At(counts_[next->backend], next->state);
  if (jobs::IsTerminal(next->state)) {
    finished_.emplace(next->revision, next);
    Finished& finished = finished_of_[next->backend];
    finished.by_revision.emplace(next->revision, next);
    finished.bytes += BytesOf(*next);
  } else {
    unfinished_[next->backend].insert(next->job_id);
  }
  by_id_[next->job_id].push_back(std::move(next));
}

void Statuses::Erase(const Snapshot& snapshot) {
  by_revision_.erase(snapshot->revision);
  --At(counts_[snapshot->backend], snapshot->state);
  if (finished_.erase(snapshot->revision) > 0) {
    Finished& finished = finished_of_.at(snapshot->backend);
    finished.by_revision.erase(snapshot->revision);
    finished.bytes -= BytesOf(*snapshot);
  }
  if (const auto ids = unfinished_.find(snapshot->backend); ids != unfinished_.end())
    ids->second.erase(snapshot->job_id);
  const auto same_id = by_id_.find(snapshot->job_id);
  if (std::erase(same_id->second, snapshot); same_id->second.empty()) by_id_.erase(same_id);
}

Snapshot Statuses::NextAfter(const Filter& filter, std::uint64_t after) const {
  Snapshot next;
  if (filter.job_ids.empty()) {
    auto at = by_revision_.upper_bound(after);
    while (at != by_revision_.end() && !filter.backend.empty() && at->second->backend != filter.backend) ++at;
    return at == by_revision_.end() ? nullptr : at->second;
  }
  for (const std::string& id : filter.job_ids) {
    const Snapshot snapshot = Find(id, filter.backend);
    if (snapshot && snapshot->revision > after && (!next || snapshot->revision < next->revision)) next = snapshot;
  }
  return next;
}

std::vector<Snapshot> Statuses::List(const std::string& backend, const std::set<jobs::JobState>& states,
                                     std::uint64_t before, std::size_t limit) const {
  std::vector<Snapshot> list;
  for (auto at = by_revision_.lower_bound(before); at != by_revision_.begin() && list.size() < limit;) {
    const Snapshot& snapshot = (--at)->second;
    if (!backend.empty() && snapshot->backend != backend) continue;
    if (!states.empty() && !states.contains(snapshot->state)) continue;
    list.push_back(snapshot);
  }
  return list;
}

std::vector<Snapshot> Statuses::ChangedSince(std::uint64_t after) const {
  std::vector<Snapshot> changed;
  for (auto at = by_revision_.upper_bound(after); at != by_revision_.end(); ++at) changed.push_back(at->second);
  return changed;
}

const std::set<std::string>& Statuses::Unfinished(const std::string& backend) const {
  static const std::set<std::string> kNone;
  const auto found = unfinished_.find(backend);
  return found == unfinished_.end() ? kNone : found->second;
}

ByState Statuses::CountOf(const std::string& backend) const {
  const auto found = counts_.find(backend);
  return found == counts_.end() ? ByState{} : found->second;
}

void Statuses::Forget(const Snapshot& snapshot) {
  forgotten_ = std::max(forgotten_, snapshot->revision);
  Erase(snapshot);
}

void Statuses::Evict(jobs::Time ended_before, const Room& room,
                     const std::function<bool(const jobs::JobStatus&)>& kept) {
  for (auto& [backend, finished] : finished_of_) EvictBytes(finished, room.bytes_per_backend, kept);
  for (auto at = finished_.begin(); at != finished_.end();) {
    const Snapshot oldest = (at++)->second;  // moved on before it is erased
    if (finished_.size() <= room.jobs && oldest->observe_time >= ended_before) return;
    if (!kept(*oldest)) Forget(oldest);
  }
}

// Goes on where it stopped the last time, so that what is needed for long does not hide what is not.
void Statuses::EvictBytes(Finished& finished, std::size_t max_bytes,
                          const std::function<bool(const jobs::JobStatus&)>& kept) {
  for (std::size_t needed = 0; finished.bytes > max_bytes && needed < kMostPassedOver;) {
    const auto at = finished.by_revision.upper_bound(finished.passed_over);
    if (at == finished.by_revision.end()) break;
    const Snapshot oldest = at->second;
    if (kept(*oldest)) {
      finished.passed_over = oldest->revision;
      ++needed;
    } else {
      Forget(oldest);
      ++evicted_for_bytes_;
    }
  }
  const bool at_the_end = finished.by_revision.upper_bound(finished.passed_over) == finished.by_revision.end();
  if (at_the_end || finished.bytes <= max_bytes) finished.passed_over = 0;
}

std::size_t Statuses::FinishedBytes(const std::string& backend) const {
  const auto found = finished_of_.find(backend);
  return found == finished_of_.end() ? 0 : found->second.bytes;
}

}  // namespace board
