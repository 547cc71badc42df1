#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jobs/time.h"

namespace jobs {

// What one watch stream must do next. Pure: events go in, at most one action comes out, and while an action is under
// way no other is given, so a shell may carry it out after releasing the lock it guards this object with.
//
// It holds no statuses. To send the next one it asks for a pull: "the status of least revision greater than
// sent_revision()". A status that changes while the reader is slow is therefore simply newer when it is pulled: newest
// wins, nothing is stale, order is kept, and memory does not depend on how far the reader is behind.
//
//        Changed/Tick          Pulled(status)            Wrote(ok)
//   idle ────────────► pulling ─────────────► writing ─────────────► pulling …
//          Pull           │       Write           │ wrote badly, or told to stop
//                         │ nothing: idle         ▼
//                         └── all terminal: ► finished          Finish
class WatchStream {
 public:
  struct Options {
    std::set<std::string> job_ids;  // empty: all jobs, and the stream has no end of its own
    std::uint64_t after_revision = 0;
    Duration min_interval{0};  // between updates that are not changes of state
    Duration heartbeat_interval = std::chrono::seconds(15);
    Duration write_stall_limit = std::chrono::seconds(60);
    Steady end_at = Steady::max();  // by itself; the caller is to come back with what it saw
  };

  // Why a stream ends. What the caller is told for each is the shell's affair.
  enum class End { kAllTerminal, kCallerLeft, kStopped, kOld };

  struct Nothing {
    bool operator==(const Nothing&) const = default;
  };
  struct Pull {
    bool operator==(const Pull&) const = default;
  };
  struct WriteStatus {  // the status just pulled
    bool operator==(const WriteStatus&) const = default;
  };
  struct WriteHeartbeat {
    std::uint64_t revision;
    bool operator==(const WriteHeartbeat&) const = default;
  };
  struct Cancel {  // abort the write that is stuck; Wrote(false) will follow
    bool operator==(const Cancel&) const = default;
  };
  struct Finish {
    End end;
    bool operator==(const Finish&) const = default;
  };
  using Action = std::variant<Nothing, Pull, WriteStatus, WriteHeartbeat, Cancel, Finish>;

  // What a pull found.
  struct Found {
    std::string_view job_id;  // to be valid until Wrote
    std::uint64_t revision;
    bool terminal;
  };

  WatchStream(Options options, Steady now);

  Action Start();

  // A named job is terminal at a revision not greater than after_revision: the caller has its last message. Before or
  // after Start.
  Action AlreadyTold(const std::string& job_id);

  // A job this stream covers has changed. `of_state`: the change is not to be thinned.
  Action Changed(bool of_state, Steady now);

  // Answer to Pull. `board_revision`: no change that this pull could have missed has a smaller one.
  Action Pulled(const std::optional<Found>& found, std::uint64_t board_revision, Steady now);

  // Answer to WriteStatus and WriteHeartbeat. Not ok: the caller is gone.
  Action Wrote(bool ok, Steady now);

  // Time has passed: a heartbeat, a thinned update, the stall limit or the end may be due.
  Action Tick(Steady now);

  // End the stream, after the write under way if there is one. The first reason given stands.
  Action Stop(End end);

  std::uint64_t sent_revision() const { return sent_revision_; }
  bool finished() const { return phase_ == Phase::kFinished; }
  bool stalled() const { return stalled_; }

  // When Tick should be called next. Recompute after every event.
  Steady next_tick() const;

 private:
  enum class Phase { kNew, kIdle, kPulling, kWriting, kFinished };

  Action BeginFlush();
  Action Pulling();
  Action EndFlush(Steady now);
  Action ToFinish(End end);
  bool AllTerminal() const { return !options_.job_ids.empty() && open_ids_.empty(); }

  const Options options_;
  Phase phase_ = Phase::kNew;
  std::set<std::string> open_ids_;    // named jobs whose last message is not written yet
  std::uint64_t sent_revision_;       // of the last status given out to be written; then of the last heartbeat
  std::uint64_t confirmed_revision_;  // nothing at or below it is unsent
  std::optional<Found> writing_;      // the status under way; nothing during a heartbeat
  // A flush sends, pull by pull, everything that was there when it began; what changes meanwhile is for the next one,
  // or a stream whose jobs never rest would never be thinned.
  bool flush_begun_ = false;       // its first pull is under way
  std::uint64_t flush_until_ = 0;  // the board's revision when it began
  bool changed_ = false;           // since the last flush began
  bool state_changed_ = false;     // likewise, and not to be thinned
  std::optional<End> stop_;        // wanted; acted on when no write is under way
  bool stalled_ = false;
  Steady last_write_;  // begun
  Steady thin_until_;  // before this, only changes of state are pulled
};

}  // namespace jobs
