#include "jobs/watch_stream.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace jobs {

WatchStream::WatchStream(Options options, Steady now)
    : options_(std::move(options)),
      open_ids_(options_.job_ids),
      sent_revision_(options_.after_revision),
      confirmed_revision_(options_.after_revision),
      last_write_(now),
      thin_until_(now) {}

WatchStream::Action WatchStream::Start() {
  assert(phase_ == Phase::kNew);
  phase_ = Phase::kIdle;
  if (stop_) return ToFinish(*stop_);
  if (AllTerminal()) return ToFinish(End::kAllTerminal);
  return BeginFlush();
}

WatchStream::Action WatchStream::AlreadyTold(const std::string& job_id) {
  open_ids_.erase(job_id);
  return phase_ == Phase::kIdle && AllTerminal() ? ToFinish(End::kAllTerminal) : Nothing{};
}

WatchStream::Action WatchStream::Changed(bool of_state, Steady now) {
  changed_ = true;
  state_changed_ = state_changed_ || of_state;
  return Tick(now);
}

WatchStream::Action WatchStream::Pulled(const std::optional<Found>& found, std::uint64_t board_revision, Steady now) {
  assert(phase_ == Phase::kPulling);
  phase_ = Phase::kIdle;
  if (stop_) return ToFinish(*stop_);
  if (std::exchange(flush_begun_, false)) flush_until_ = board_revision;
  if (!found) {
    confirmed_revision_ = std::max(confirmed_revision_, board_revision);
    return EndFlush(now);
  }
  assert(found->revision > sent_revision_);
  sent_revision_ = found->revision;
  confirmed_revision_ = std::max(confirmed_revision_, found->revision);
  writing_ = found;
  phase_ = Phase::kWriting;
  last_write_ = now;
  return WriteStatus{};
}

WatchStream::Action WatchStream::Wrote(bool ok, Steady now) {
  assert(phase_ == Phase::kWriting);
  phase_ = Phase::kIdle;
  const std::optional<Found> written = std::exchange(writing_, std::nullopt);
  if (!ok) return ToFinish(stop_.value_or(End::kCallerLeft));
  if (written && !options_.job_ids.empty()) {
    const std::string job_id(written->job_id);
    if (written->terminal) {
      open_ids_.erase(job_id);
    } else if (options_.job_ids.contains(job_id)) {
      open_ids_.insert(job_id);  // LOST, and alive again
    }
  }
  if (AllTerminal()) return ToFinish(End::kAllTerminal);  // told to stop or not, the caller has everything
  if (stop_) return ToFinish(*stop_);
  if (!written) return Tick(now);
  return sent_revision_ < flush_until_ ? Pulling() : EndFlush(now);
}

WatchStream::Action WatchStream::Tick(Steady now) {
  if (now >= options_.end_at) stop_ = stop_.value_or(End::kOld);
  if (phase_ == Phase::kWriting) {
    if (stalled_ || now < last_write_ + options_.write_stall_limit) return Nothing{};
    stalled_ = true;
    stop_ = stop_.value_or(End::kStopped);
    return Cancel{};
  }
  if (phase_ != Phase::kIdle) return Nothing{};
  if (stop_) return ToFinish(*stop_);
  if (state_changed_ || (changed_ && now >= thin_until_)) return BeginFlush();
  if (now < last_write_ + options_.heartbeat_interval) return Nothing{};
  // What is being thinned is not sent yet, so a heartbeat vouches only for what was confirmed before.
  phase_ = Phase::kWriting;
  last_write_ = now;
  return WriteHeartbeat{confirmed_revision_};
}

WatchStream::Action WatchStream::Stop(End end) {
  if (phase_ == Phase::kFinished) return Nothing{};
  if (!stop_) stop_ = end;
  if (phase_ == Phase::kIdle) return ToFinish(*stop_);
  return Nothing{};
}

WatchStream::Action WatchStream::BeginFlush() {
  changed_ = state_changed_ = false;
  flush_begun_ = true;
  return Pulling();
}

WatchStream::Action WatchStream::Pulling() {
  assert(phase_ == Phase::kIdle);
  phase_ = Phase::kPulling;
  return Pull{};
}

WatchStream::Action WatchStream::EndFlush(Steady now) {
  if (AllTerminal()) return ToFinish(End::kAllTerminal);
  thin_until_ = now + options_.min_interval;
  return Tick(now);  // something may have changed since it began
}

WatchStream::Action WatchStream::ToFinish(End end) {
  assert(phase_ == Phase::kIdle);
  phase_ = Phase::kFinished;
  return Finish{end};
}

Steady WatchStream::next_tick() const {
  const Steady end = stop_ ? Steady::max() : options_.end_at;
  if (phase_ == Phase::kWriting)
    return stalled_ ? Steady::max() : std::min(end, last_write_ + options_.write_stall_limit);
  if (phase_ != Phase::kIdle) return Steady::max();
  const Steady heartbeat = last_write_ + options_.heartbeat_interval;
  return std::min(end, changed_ ? std::min(thin_until_, heartbeat) : heartbeat);
}

}  // namespace jobs
