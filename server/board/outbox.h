#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "jobs/archive.h"
#include "jobs/job.h"
#include "jobs/time.h"

namespace board {

// Changes of state on their way to the disk. Of each job the newest only: one that waits, as nobody may be told before
// it is there, or one that is owed, as it was told all the same since the disk did not take it. Not thread-safe; no
// clock.
//
//   Hold ──► waiting ──Take──► being written ──Written──► to be told, and gone from here
//               │ ▲                  │
//               │ └─ changed since ──┘
//               └──AllWaiting──► told ──Owe──► owed ──Take──► being written ──Written──► gone
class Outbox {
 public:
  // What waits to be told of a job; null: nothing does.
  const jobs::JobStatus* Waiting(const std::string& job_id, const std::string& backend) const;

  // Ids of a backend's jobs that wait.
  std::vector<std::string> WaitingOf(const std::string& backend) const;

  // Whether the newest of this job's changes is not on the disk.
  bool Has(const std::string& job_id, const std::string& backend) const { return entries_.contains({job_id, backend}); }

  // Takes the place of what there is of its job. `of_state`: it is to be written; else it only goes along with a change
  // that waits.
  void Hold(jobs::JobStatus status, bool of_state, jobs::Time now);

  // Was told without being written.
  void Owe(const jobs::JobStatus& told);

  // Those to be written next, at most `limit`, oldest first; terminal ones that wait, under revisions from
  // `first_revision` on. No others can be taken before Written or NotWritten.
  std::vector<jobs::Unwritten> Take(std::size_t limit, std::uint64_t first_revision);

  // Those taken are on the disk: the ones to be told now. First those under a revision of their own, in its order, then
  // those that bear none. `revision`: the greatest that was given out; whoever was written under one that is not
  // greater is written again.
  std::vector<jobs::JobStatus> Written(std::uint64_t revision);

  // Those taken are not on the disk, and will be taken again.
  void NotWritten();

  // The job ended long ago, and the disk does not take another status of it: nothing of it is to be told; but what was
  // told is to be written in place of that end.
  void HasEnded(const std::string& job_id, const std::string& backend);

  // All that wait, oldest change first.
  std::vector<jobs::JobStatus> AllWaiting() const;

  // Since when the first of those that wait does; Time::max(): none does.
  jobs::Time waiting_since() const;

  // Since when the oldest change that is not on the disk is to be written, be it told or not; Time::max(): all are
  // there.
  jobs::Time unwritten_since() const;
  // How many are not.
  std::size_t unwritten() const { return entries_.size(); }

  // How many are owed.
  std::size_t owed() const { return entries_.size() - waiting_.size(); }

  // Of those owed the oldest are given up.
  static constexpr std::size_t kMaxOwed = 100'000;

 private:
  using Key = std::pair<std::string, std::string>;  // job_id, backend
  struct Entry {
    jobs::JobStatus status;
    bool owed = false;
    bool replaces = false;       // the disk may have it under another revision
    std::uint64_t change = 0;    // which change of state this is; one that was taken may not be the newest any more
    std::uint64_t reserved = 0;  // revision it was taken under
    jobs::Time since;
  };
  struct Place {
    Key key;
    std::uint64_t change;
  };

  void Enqueue(const Key& key, Entry& entry);
  Entry* At(const Place& place);
  const Entry* At(const Place& place) const { return const_cast<Outbox*>(this)->At(place); }
  void WaitsNoMore(const Entry& entry) { waiting_.erase(waiting_.find(entry.since)); }

  std::map<Key, Entry> entries_;
  std::multiset<jobs::Time> waiting_;  // since when each entry that is not owed does
  std::uint64_t changes_ = 0;
  std::deque<Place> queue_;  // to be written; a place whose change is not the entry's any more is void
  std::vector<Place> taken_;
};

}  // namespace board
