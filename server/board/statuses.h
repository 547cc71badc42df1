#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "board/by_state.h"
#include "jobs/archive.h"
#include "jobs/job.h"

namespace board {

using jobs::Snapshot;

// Which jobs somebody is interested in.
struct Filter {
  std::set<std::string> job_ids;  // empty: all
  std::string backend;            // empty: any
};

// The newest status of each job, by id and in the order of change. Not thread-safe.
class Statuses {
 public:
  // `forgotten`: revision up to which there are statuses that are not here.
  explicit Statuses(std::uint64_t forgotten = 0) : forgotten_(forgotten) {}

  // Of several backends that have the id, the one where the job is not ended, then the newest. Null: unknown.
  Snapshot Find(const std::string& job_id, const std::string& backend) const;

  // Replaces the job's status by a newer one.
  void Put(Snapshot next);

  // The status with the least revision above `after` that `filter` covers; null: there is none.
  Snapshot NextAfter(const Filter& filter, std::uint64_t after) const;

  // Those with a revision below `before`, greatest first, at most `limit`. No states: any.
  std::vector<Snapshot> List(const std::string& backend, const std::set<jobs::JobState>& states, std::uint64_t before,
                             std::size_t limit) const;

  // Those with a revision above `after`, least first.
  std::vector<Snapshot> ChangedSince(std::uint64_t after) const;

  // Ids of a backend's jobs that are not terminal.
  const std::set<std::string>& Unfinished(const std::string& backend) const;

  // What finished jobs may take here.
  struct Room {
    std::size_t jobs = 0;
    std::size_t bytes_per_backend = 0;
  };

  // Forgets finished jobs: those that ended before `ended_before`, and the oldest of those for which there is no room.
  // Not those that are still needed here, as `kept` says.
  void Evict(jobs::Time ended_before, const Room& room, const std::function<bool(const jobs::JobStatus&)>& kept);

  // What the finished jobs of a backend take.
  std::size_t FinishedBytes(const std::string& backend) const;

  // How many were forgotten since their backend's bytes had no room.
  std::uint64_t evicted_for_bytes() const { return evicted_for_bytes_; }

  // Besides the status itself, of each finished job: nodes of the maps below and what the allocator adds. Measured as
  // 420 to 450 bytes with ids of 36.
  static constexpr std::size_t kBytesOfAnEntry = 450;

  // Every status of a greater revision is here.
  std::uint64_t forgotten() const { return forgotten_; }

  std::size_t size() const { return by_revision_.size(); }

  // How many of a backend's jobs are here, by state.
  ByState CountOf(const std::string& backend) const;

 private:
  using ByRevision = std::map<std::uint64_t, Snapshot>;

  // Where a job's status is kept, so that it needs not be looked for when a newer one takes its place.
  struct Entry {
    Snapshot status;
    ByRevision::iterator place;  // in by_revision_
  };

  struct OfBackend {
    ByState counts{};
    std::set<std::string> unfinished;  // ids
    ByRevision finished;
    std::size_t finished_bytes = 0;
    std::uint64_t passed_over = 0;  // revision up to which all are still needed, or were a moment ago
  };

  void Enter(const Snapshot& snapshot, OfBackend& backend);
  void Leave(const Snapshot& snapshot, OfBackend& backend);
  void Forget(const Snapshot& snapshot);
  void EvictBytes(OfBackend& backend, std::size_t max_bytes, const std::function<bool(const jobs::JobStatus&)>& kept);

  std::uint64_t forgotten_;
  std::unordered_map<std::string, std::vector<Entry>> by_id_;  // nearly always of one backend
  ByRevision by_revision_;
  ByRevision finished_;  // the first to go stands in front
  std::unordered_map<std::string, OfBackend> backends_;
  std::set<OfBackend*> grown_;  // those that may have more finished jobs than there is room for
  std::uint64_t evicted_for_bytes_ = 0;
};

}  // namespace board
