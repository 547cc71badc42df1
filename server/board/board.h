#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "board/outbox.h"
#include "board/statuses.h"
#include "board/subscribers.h"
#include "board/tally.h"
#include "board/waits.h"
#include "jobs/archive.h"
#include "jobs/backend_name.h"
#include "jobs/job_source.h"
#include "jobs/observation.h"
#include "jobs/runs.h"

namespace board {

struct ListQuery {
  std::string backend;              // empty: any
  std::set<jobs::JobState> states;  // empty: any
  std::uint64_t before = std::numeric_limits<std::uint64_t>::max();
  std::size_t limit = 0;
};

// How one backend is; all but the last are the fields of the message Backend.
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
  std::string client_id;           // empty while live_progress is false
  std::size_t finished_bytes = 0;  // that its finished jobs take in memory
};

struct Limits {
  jobs::Duration keep_finished = std::chrono::hours(24);
  std::size_t max_finished_jobs = 10'000;                   // in memory
  std::size_t max_backend_memory = std::size_t{256} << 20;  // bytes, for the finished jobs of one backend
  jobs::Duration remember_unknown =
      std::chrono::milliseconds(250);        // how long an id that nobody knows is not looked up again
  std::size_t max_unknown = 10'000;          // ids remembered as unknown
  std::size_t max_lookups_per_second = 100;  // of each caller: look-ups that ComfyUI is asked for
  // How long a change of state may wait for the archive. Then the disk is taken for one that hangs, and the change is
  // told all the same.
  jobs::Duration archive_patience = std::chrono::seconds(10);
};

// What there is of an earlier life of the service.
struct Past {
  jobs::Archive* archive = nullptr;          // null: nothing of this life will survive it, either
  std::uint64_t newest_verdict = 0;          // revision of the newest one in the archive
  std::vector<jobs::JobStatus> unfinished;   // jobs that were to be followed; how they are now is not known yet
  std::vector<std::string> former_backends;  // configured no more
};

// The one shared, mutable thing: the newest status of each job, and who waits for what. Observations come in on one
// side, readers and watchers stand at the other. Thread-safe: one mutex, held for short, under which nothing is called
// but JobSource.
//
// With an archive, a change of state is on the disk before anybody is told of it: until then the job's status is the
// one before. What is read here is what is in memory, all that is unfinished and the newest of what has ended; the rest
// is in the archive, from which it is read without holding the lock.
class Board final : public jobs::ObservationSink, public jobs::UnwrittenSource {
 public:
  // Revisions begin above `first_revision`, which must not be less than any given out in an earlier life of the
  // service. The archive must have stopped before the board ends.
  Board(const std::vector<jobs::BackendName>& backends, Limits limits, std::uint64_t first_revision, Past past = {});

  // Where to look for the jobs of a backend. Before the first look-up; the source must outlive the last.
  void Connect(const std::string& backend, jobs::JobSource& source);

  void Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) override;

  // Between taking a batch and its being on the disk as many changes as this may be told.
  static constexpr std::uint64_t kRevisionRoom = std::uint64_t{1} << 20;
  jobs::UnwrittenBatch TakeUnwritten(std::size_t limit) override;
  void OnWritten(const jobs::Written& written) override;
  std::vector<Snapshot> TakeProgress() override;

  // ---- readers

  bool HasBackend(const std::string& name) const;                     // configured, or one of before that has statuses
  std::vector<BackendState> Backends() const;                         // as configured
  std::optional<bool> IsReachable(const std::string& backend) const;  // none: it is not configured

  // A status, and the time ComfyUI last confirmed what it says, which may be later than its last change.
  struct Sighted {
    Snapshot snapshot;  // null: not on the board
    jobs::Time observe_time;
  };
  Sighted Find(const std::string& job_id, const std::string& backend) const;

  // Those with a revision below `before`, greatest first, at most `limit`, of the archive too. `done` is called once,
  // maybe at once, without a lock.
  using Listed = std::expected<std::vector<Sighted>, jobs::ArchiveError>;
  void List(const ListQuery& query, std::function<void(Listed)> done) const;

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

  // Looks for a job in the archive and then at `backend` (empty: at all) until it is found or `until` is past, at least
  // once; or answers from the board. `done` runs once, without a lock, on this thread, one of the archive or one that
  // observes. So does `recalled`, whatever becomes of the handle: what the archive has of the job is
  // on the board, unless it could not be read. Where backends have to be asked that are not being asked for it already,
  // it takes one of the caller's max_lookups_per_second.
  [[nodiscard]] Handle LookUp(
      const std::string& job_id, const std::string& backend, jobs::Steady until, jobs::Steady now,
      std::function<void(LookupResult)> done, std::function<void()> recalled = [] {}, Caller caller = {});

  // Asks for those look-ups that waited for their turn (Caller::patient) and have it; when the next has, max(): none
  // waits. To be called at that time, and after a look-up was recalled.
  jobs::Steady TakeTurns(jobs::Steady now);

  // How often a limit was met since the start.
  struct Met {
    std::uint64_t lookups_refused = 0;   // max_lookups_per_second: TooManyLookups was answered
    std::uint64_t lookups_delayed = 0;   // likewise: the look-up waited for its turn
    std::uint64_t statuses_evicted = 0;  // max_backend_memory: finished jobs that left memory for it
  };
  Met met() const;

  // Calls `watcher` when what `filter` covers changes.
  [[nodiscard]] Handle Subscribe(const Filter& filter, std::shared_ptr<Watcher> watcher);

  // Calls `watcher` when what IsReachable says changes.
  [[nodiscard]] Handle SubscribeToReachability(std::shared_ptr<ReachabilityWatcher> watcher);

  // What `filter` covers with the least revision above `after`, and the board's revision: if there is none, everything
  // up to it has been given. Named jobs are all here once they were looked up, as long as somebody is subscribed to
  // them; where all are meant, the archive may have some with a revision up to `forgotten`. Backlog reads both.
  struct Next {
    Sighted sighted;
    std::uint64_t revision = 0;
    std::uint64_t forgotten = 0;
    std::uint64_t catching_up = 0;  // changes when something has come into the archive below `forgotten`
  };
  Next NextAfter(const Filter& filter, std::uint64_t after) const;

  // The archive; null: there is none.
  jobs::Archive* archive() const { return archive_; }

  // Whether an archived status is its job's newest that was told.
  bool IsNewest(const jobs::JobStatus& archived) const;

  // ---- numbers, for metrics

  struct Counts {
    struct OfBackend {
      BackendState state;
      ByState jobs{};  // in memory, as they were told last
      Tally::Counts tally;
    };
    std::vector<OfBackend> backends;  // as configured
    std::uint64_t revision = 0;
    std::size_t subscriptions = 0;
    std::uint64_t conflated = 0;                // see Subscribers
    std::optional<jobs::Time> unwritten_since;  // see Outbox; none: all is on the disk, or there is no archive
    std::size_t unwritten = 0;
  };
  Counts Read() const;

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
    bool unwritten = false;                                          // there is something for the archive
    bool out_of_patience = false;                                    // it is waited for no longer
    std::vector<std::shared_ptr<ReachabilityWatcher>> reachability;  // to be told of it
  };

  void Carry(Effects& effects);
  void OnRecalled(std::uint64_t wait, const std::string& job_id, jobs::Steady asked_at,
                  const std::expected<std::vector<Snapshot>, jobs::ArchiveError>& found);
  void ListArchived(const ListQuery& query, std::uint64_t before, std::vector<Sighted> list,
                    std::function<void(Listed)> done) const;
  void Merge(const ListQuery& query, std::vector<Sighted>& list, const std::vector<Snapshot>& archived) const;

  // With the lock held (the two Ends take it):
  Snapshot Newest(const std::string& job_id, const std::string& backend) const;
  void Apply(const std::string& job_id, Backend& backend, const jobs::Sighting& sighting, jobs::Time now,
             Effects& effects);
  void Publish(const Snapshot& old, jobs::JobStatus next, jobs::Time now, Effects& effects);
  Snapshot Tell(jobs::JobStatus next, std::uint64_t revision, Effects& effects);
  void TellWithoutArchive(Effects& effects);
  void Recall(const Snapshot& archived);
  void Evict(jobs::Time ended_before);
  bool IsNewestTold(const jobs::JobStatus& archived) const;
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
  void EndReachability(std::uint64_t id);
  void SetReachable(Backend& backend, bool reachable, Effects& effects) const;
  void Look(const Waits::Question& question);
  void StopLooking(const std::vector<Waits::Unwanted>& unwanted);
  Sighted See(Snapshot snapshot) const;
  void RememberUnknown(const Waits::Wait& wait, jobs::Steady asked_at);
  Backend& Named(std::string_view name);

  const Limits limits_;
  jobs::Archive* const archive_;
  const std::set<std::string> former_backends_;
  mutable std::mutex mutex_;  // guards everything below
  std::vector<Backend> backends_;
  std::map<std::string, std::size_t, std::less<>> backend_index_;
  std::uint64_t revision_;
  Statuses statuses_;
  Outbox outbox_;
  std::uint64_t progress_taken_ = 0;  // revision up to which it was
  bool archive_away_ = false;         // the last write failed, or hangs: nothing waits for it
  std::uint64_t catching_up_ = 0;     // how often some of what was owed was written
  Subscribers subscribers_;
  std::uint64_t last_reachability_id_ = 0;
  std::map<std::uint64_t, std::shared_ptr<ReachabilityWatcher>> reachability_watchers_;
  Tally tally_;
  Waits waits_;
  std::map<std::pair<std::string, std::string>, jobs::Steady>
      unknown_;  // (job_id, backend asked for) → remembered until
};

}  // namespace board
