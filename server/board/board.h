#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "board/statuses.h"
#include "board/subscribers.h"
#include "board/waits.h"
#include "jobs/job_source.h"
#include "jobs/observation.h"
#include "jobs/runs.h"

namespace board {

struct BackendConfig {
  std::string name;
  std::string url;  // without credentials
};

// How one backend is; the fields are those of the message Backend.
struct BackendState {
  std::string name;
  std::string url;
  bool reachable = false;
  std::string last_error;
  std::optional<jobs::Time> observe_time;
  int running = 0;
  int pending = 0;
  std::string comfyui_version;
  bool live_progress = false;
  std::string client_id;  // empty while live_progress is false
};

struct Limits {
  jobs::Duration keep_finished = std::chrono::hours(24);
  std::size_t max_finished_jobs = 100'000;
  jobs::Duration remember_unknown =
      std::chrono::milliseconds(250);  // how long an id that nobody knows is not looked up again
  std::size_t max_unknown = 10'000;    // ids remembered as unknown
};

// The one shared, mutable thing: the newest status of each job, and who waits for what. Observations come in on one
// side, readers and watchers stand at the other. Thread-safe: one mutex, held for short, under which nothing is called
// but JobSource.
class Board final : public jobs::ObservationSink {
 public:
  // Revisions begin above `first_revision`, which must not be less than any given out in an earlier life of the
  // service.
  Board(const std::vector<BackendConfig>& backends, Limits limits, std::uint64_t first_revision);

  // Where to look for the jobs of a backend. Before the first look-up; the source must outlive the last.
  void Connect(const std::string& backend, jobs::JobSource& source);

  void Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) override;

  // ---- readers

  bool HasBackend(const std::string& name) const;
  std::vector<BackendState> Backends() const;  // as configured

  // A status, and the time ComfyUI last confirmed what it says, which may be later than its last change.
  struct Sighted {
    Snapshot snapshot;  // null: not on the board
    jobs::Time observe_time;
  };
  Sighted Find(const std::string& job_id, const std::string& backend) const;

  // Those with a revision below `before`, greatest first, at most `limit`. No states: any.
  std::vector<Sighted> List(const std::string& backend, const std::set<jobs::JobState>& states, std::uint64_t before,
                            std::size_t limit) const;

  // ---- what ends with its handle

  // A wait or a subscription. Where it ends while it is being called, that call may still be under way on another
  // thread afterwards.
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept { *this = std::move(other); }
    Handle& operator=(Handle&& other) noexcept;
    ~Handle() { End(); }
    void End();
    void Release() { board_ = nullptr; }  // lets it run its course without the handle

   private:
    friend class Board;
    using Ending = void (Board::*)(std::uint64_t id);
    Handle(Board& board, std::uint64_t id, Ending ending) : board_(&board), id_(id), ending_(ending) {}

    Board* board_ = nullptr;
    std::uint64_t id_ = 0;
    Ending ending_ = nullptr;
  };

  // Looks for a job at `backend` (empty: at all) until it is found or `until` is past, at least once; or answers from
  // the board. `done` runs once, without a lock, on this thread or on one that observes.
  [[nodiscard]] Handle LookUp(const std::string& job_id, const std::string& backend, jobs::Steady until,
                              jobs::Steady now, std::function<void(LookupResult)> done);

  // Calls `watcher` when what `filter` covers changes.
  [[nodiscard]] Handle Subscribe(const Filter& filter, std::shared_ptr<Watcher> watcher);

  // What `filter` covers with the least revision above `after`, and the board's revision: if there is none, everything
  // up to it has been given.
  struct Next {
    Sighted sighted;
    std::uint64_t revision = 0;
  };
  Next NextAfter(const Filter& filter, std::uint64_t after) const;

 private:
  struct Backend {
    BackendState state;
    jobs::JobSource* source = nullptr;
    jobs::Runs runs;
    std::optional<jobs::Time> queue_time;  // of the last look at its queue; none since it could not be asked
  };

  // What a call of Observe sets off once the lock is released.
  struct Effects {
    Notices notices;
    std::vector<Answer> answers;
    std::vector<Waits::Unwanted> unwanted;
  };

  // With the lock held (the two Ends take it):
  void Apply(const std::string& job_id, Backend& backend, const jobs::Sighting& sighting, jobs::Time now,
             Effects& effects);
  void Publish(const Snapshot& old, jobs::JobStatus next, Effects& effects);
  void On(Backend& backend, jobs::QueueObserved& queue, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::HistoryObserved& history, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::AbsenceObserved& absence, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::JobNotObserved& job, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::LookupMissed& missed, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::LookupFailed& failed, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::BackendAnswered& answered, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::BackendFailed& failed, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::RunEventsHeard& heard, jobs::Time now, Effects& effects);
  void On(Backend& backend, jobs::ListeningObserved& listening, jobs::Time now, Effects& effects);
  void EndWait(std::uint64_t id);
  void EndSubscription(std::uint64_t id);
  void StopLooking(const std::vector<Waits::Unwanted>& unwanted);
  Sighted See(Snapshot snapshot) const;
  void RememberUnknown(const Waits::Wait& wait, jobs::Steady asked_at);
  Backend& Named(std::string_view name);

  const Limits limits_;
  mutable std::mutex mutex_;  // guards everything below
  std::vector<Backend> backends_;
  std::map<std::string, std::size_t, std::less<>> backend_index_;
  std::uint64_t revision_;
  Statuses statuses_;
  Subscribers subscribers_;
  Waits waits_;
  std::map<std::pair<std::string, std::string>, jobs::Steady>
      unknown_;  // (job_id, backend asked for) → remembered until
};

}  // namespace board
