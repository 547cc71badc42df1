#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "board/statuses.h"

namespace board {

// Somebody who wants to know when jobs of a filter change.
class Watcher {
 public:
  virtual ~Watcher() = default;

  // At least one job of the filter has changed; `of_state` when a change is more than movement within a state. May also
  // come without a change. Called without any lock of the board, by the thread that observed; must return soon.
  virtual void OnChange(bool of_state) = 0;

  // The revision of the last status it has taken: what is newer is yet to be told. Called under the board's lock by any
  // thread.
  virtual std::uint64_t taken_revision() const = 0;
};

// Somebody who wants to know when a backend begins to answer, or no longer does. Board::IsReachable tells which does.
class ReachabilityWatcher {
 public:
  virtual ~ReachabilityWatcher() = default;

  // Called without any lock of the board, by the thread that observed; must return soon. Of two changes that follow
  // each other on two threads, the calls may come in the other order.
  virtual void OnReachability() = 0;
};

// Whom to tell once the lock is released, and whether a change of state is among what happened.
struct Notices {
  std::map<std::shared_ptr<Watcher>, bool> of_jobs;               // who named one
  std::vector<std::pair<std::shared_ptr<Watcher>, bool>> of_all;  // the others; each once
};

// Who watches what. Not thread-safe.
class Subscribers {
 public:
  std::uint64_t Add(const Filter& filter, std::shared_ptr<Watcher> watcher);
  void Remove(std::uint64_t id);

  // Whether somebody watches this very job.
  bool Names(const std::string& job_id) const { return by_job_.contains(job_id); }

  // `status` has changed. Adds those who named its job. `replaced`: revision of the job's status until now; 0: there
  // was none.
  void Notice(const jobs::JobStatus& status, std::uint64_t replaced, bool of_state, Notices& notices);

  // Adds those who named no job and are concerned by what was noticed since this was called last. Once for all that
  // happened together: a queue that moves changes all its jobs.
  void NoticeOfAll(Notices& notices);

  std::size_t size() const { return of_jobs_.size() + of_all_.size() - gone_; }

  // How many statuses were replaced by a newer one of the same job before a watcher had taken them; each counts once
  // for each watcher that missed it.
  std::uint64_t conflated() const { return conflated_; }

 private:
  struct OfJobs {
    Filter filter;
    std::shared_ptr<Watcher> watcher;
  };
  struct OfAll {
    std::uint64_t id;
    std::string backend;
    std::shared_ptr<Watcher> watcher;  // null: it is gone
  };
  struct Change {
    std::string backend;
    std::uint64_t replaced;
    bool of_state;
  };
  std::uint64_t last_id_ = 0;
  std::unordered_map<std::uint64_t, OfJobs> of_jobs_;                // those that name jobs
  std::unordered_map<std::string, std::set<std::uint64_t>> by_job_;  // of these
  std::vector<OfAll> of_all_;                                        // the others, by id
  std::size_t gone_ = 0;                                             // of these
  std::vector<Change> changes_;                                      // that those are yet to be told
  std::uint64_t conflated_ = 0;
};

}  // namespace board
