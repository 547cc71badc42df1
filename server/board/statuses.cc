#include "board/statuses.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

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
  for (const auto& [snapshot, place] : found->second) {
    if (!backend.empty() && snapshot->backend != backend) continue;
    const auto rank = [](const jobs::JobStatus& s) { return std::pair(!jobs::IsTerminal(s.state), s.revision); };
    if (!best || rank(*best) < rank(*snapshot)) best = snapshot;
  }
  return best;
}

void Statuses::Put(Snapshot next) {
  OfBackend& backend = backends_[next->backend];
  std::vector<Entry>& of_id = by_id_[next->job_id];
  const auto old = std::ranges::find(of_id, next->backend, [](const Entry& entry) { return entry.status->backend; });
  const auto place = by_revision_.emplace_hint(by_revision_.end(), next->revision, next);  // nearly always the newest
  Enter(next, backend);
  if (old == of_id.end()) {
    of_id.push_back({std::move(next), place});
    return;
  }
  assert(old->status->revision < next->revision);
  by_revision_.erase(old->place);
  Leave(old->status, backend);
  *old = {std::move(next), place};
}

// An unfinished job that stays so has its place among them.
void Statuses::Enter(const Snapshot& snapshot, OfBackend& backend) {
  ++At(backend.counts, snapshot->state);
  if (!jobs::IsTerminal(snapshot->state)) {
    backend.unfinished.insert(snapshot->job_id);
    return;
  }
  backend.unfinished.erase(snapshot->job_id);
  finished_.emplace_hint(finished_.end(), snapshot->revision, snapshot);
  backend.finished.emplace_hint(backend.finished.end(), snapshot->revision, snapshot);
  backend.finished_bytes += BytesOf(*snapshot);
  grown_.insert(&backend);
}

void Statuses::Leave(const Snapshot& snapshot, OfBackend& backend) {
  --At(backend.counts, snapshot->state);
  if (!jobs::IsTerminal(snapshot->state)) return;
  finished_.erase(snapshot->revision);
  backend.finished.erase(snapshot->revision);
  backend.finished_bytes -= BytesOf(*snapshot);
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
  const auto found = backends_.find(backend);
  return found == backends_.end() ? kNone : found->second.unfinished;
}

ByState Statuses::CountOf(const std::string& backend) const {
  const auto found = backends_.find(backend);
  return found == backends_.end() ? ByState{} : found->second.counts;
}

// A finished one.
void Statuses::Forget(const Snapshot& snapshot) {
  forgotten_ = std::max(forgotten_, snapshot->revision);
  Leave(snapshot, backends_.at(snapshot->backend));
  const auto of_id = by_id_.find(snapshot->job_id);
  const auto entry = std::ranges::find(of_id->second, snapshot, &Entry::status);
  by_revision_.erase(entry->place);
  of_id->second.erase(entry);
  if (of_id->second.empty()) by_id_.erase(of_id);
}

void Statuses::Evict(jobs::Time ended_before, const Room& room,
                     const std::function<bool(const jobs::JobStatus&)>& kept) {
  for (auto at = grown_.begin(); at != grown_.end();) {
    EvictBytes(**at, room.bytes_per_backend, kept);
    at = (*at)->finished_bytes > room.bytes_per_backend ? std::next(at) : grown_.erase(at);
  }
  for (auto at = finished_.begin(); at != finished_.end();) {
    const Snapshot oldest = (at++)->second;  // moved on before it is erased
    if (finished_.size() <= room.jobs && oldest->observe_time >= ended_before) return;
    if (!kept(*oldest)) Forget(oldest);
  }
}

// Goes on where it stopped the last time, so that what is needed for long does not hide what is not.
void Statuses::EvictBytes(OfBackend& backend, std::size_t max_bytes,
                          const std::function<bool(const jobs::JobStatus&)>& kept) {
  for (std::size_t needed = 0; backend.finished_bytes > max_bytes && needed < kMostPassedOver;) {
    const auto at = backend.finished.upper_bound(backend.passed_over);
    if (at == backend.finished.end()) break;
    const Snapshot oldest = at->second;
    if (kept(*oldest)) {
      backend.passed_over = oldest->revision;
      ++needed;
    } else {
      Forget(oldest);
      ++evicted_for_bytes_;
    }
  }
  const bool at_the_end = backend.finished.upper_bound(backend.passed_over) == backend.finished.end();
  if (at_the_end || backend.finished_bytes <= max_bytes) backend.passed_over = 0;
}

std::size_t Statuses::FinishedBytes(const std::string& backend) const {
  const auto found = backends_.find(backend);
  return found == backends_.end() ? 0 : found->second.finished_bytes;
}

}  // namespace board
