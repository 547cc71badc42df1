#pragma once

#include <string>
#include <vector>

#include "board/board.h"

// What the board's tests play: sources, watchers and observations.
namespace board {

inline const jobs::Time kNow{std::chrono::seconds(1'700'000'000)};
inline const jobs::Steady kSteady{std::chrono::seconds(1000)};

// A source that remembers what it was asked for.
class Asked final : public jobs::JobSource {
 public:
  void LookFor(const std::string& job_id, jobs::Steady) override { looked_for.push_back(job_id); }
  void StopLookingFor(const std::string& job_id) override { stopped.push_back(job_id); }
  std::vector<std::string> looked_for;
  std::vector<std::string> stopped;
};

class Told final : public Watcher {
 public:
  void OnChange(bool of_state) override { changes.push_back(of_state); }
  std::uint64_t taken_revision() const override { return taken; }
  std::uint64_t taken = 0;
  std::vector<bool> changes;
};

inline jobs::QueueObserved Queue(std::vector<std::string> running, std::vector<std::string> pending) {
  jobs::QueueObserved queue;
  for (auto& id : running) queue.listing.running.push_back({id, {0}, {}});
  for (auto& id : pending) queue.listing.pending.push_back({id, {1}, {}});
  return queue;
}

inline jobs::HistoryObserved Success(std::string id, jobs::Duration run_time = std::chrono::seconds(10)) {
  jobs::HistoryObserved history{std::move(id), {}};
  history.entry.end = jobs::HistoryEntry::End::kSuccess;
  history.entry.start_time = kNow;
  history.entry.end_time = kNow + run_time;
  return history;
}

}  // namespace board
