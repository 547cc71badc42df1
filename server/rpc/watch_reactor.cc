#include "rpc/watch_reactor.h"

#include <grpc/grpc.h>

#include <random>
#include <utility>

#include "rpc/encode.h"
#include "rpc/errors.h"
#include "rpc/peer.h"

namespace rpc {
namespace {

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

jobs::Steady EndOf(const ConnectionAge& age) {
  if (age.limit == jobs::Duration(0)) return jobs::Steady::max();
  thread_local std::minstd_rand random{std::random_device{}()};
  return SteadyNow() + age.OfWatch(std::uniform_real_distribution<double>()(random));
}

}  // namespace

WatchReactor::WatchReactor(grpc::CallbackServerContext& context, Call call, board::Board& board, Ticker& ticker,
                           LookupTurns& turns, Watches& watches, Watch watch, const WatchTimes& times)
    : context_(context),
      board_(board),
      ticker_(ticker),
      turns_(turns),
      watches_(watches),
      watch_(std::move(watch)),
      stream_({.job_ids = watch_.filter.job_ids,
               .after_revision = watch_.after_revision,
               .min_interval = watch_.min_interval,
               .heartbeat_interval = times.heartbeat_interval,
               .write_stall_limit = times.write_stall_limit,
               .end_at = EndOf(times.connection_age)},
              SteadyNow()),
      taken_revision_(watch_.after_revision),
      call_(call),
      backlog_(board, watch_.filter) {}

void WatchReactor::Start() {
  self_ = shared_from_this();
  StartSendInitialMetadata();
  const board::Caller caller{.name = PeerName(context_.peer()), .patient = true};
  // First subscribed, then pulled: what changes between the two is pulled or told.
  subscription_ = board_.Subscribe(watch_.filter, self_);
  for (const std::string& id : watch_.filter.job_ids) {
    if (const board::Snapshot known = board_.Find(id, watch_.filter.backend).snapshot) {
      if (IsToldAlready(known)) Tell([&](jobs::Steady) { return stream_.AlreadyTold(id); });
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      ++recalls_;
    }
    const auto weak = weak_from_this();
    const jobs::Steady now = SteadyNow();
    lookups_.push_back(board_.LookUp(
        id, watch_.filter.backend, now + watch_.wait_for_job, now,
        [weak, id](const board::LookupResult& result) {
          if (const auto self = weak.lock()) self->OnLookup(id, result);
        },
        [weak] {
          if (const auto self = weak.lock()) {
            self->turns_.Look();
            self->OnRecalled();
          }
        },
        caller));
  }
  OnRecalled();
}

// What comes out of the archive has the revision it was told under. A greater one must not be sent before, or it would
// never be.
void WatchReactor::OnRecalled() {
  Tell([&](jobs::Steady) { return --recalls_ == 0 ? stream_.Start() : Stream::Nothing{}; });
}

bool WatchReactor::IsToldAlready(const board::Snapshot& known) const {
  return jobs::IsTerminal(known->state) && known->revision <= watch_.after_revision;
}

// Takes an event to the stream under the lock, and carries its answer out without it.
template <class Event>
void WatchReactor::Tell(Event event) {
  Stream::Action action;
  std::optional<jobs::Steady> tick;
  {
    const std::lock_guard lock(mutex_);
    action = event(SteadyNow());
    if (std::holds_alternative<Stream::Cancel>(action)) {
      status_ = status_.value_or(WriteStalled());
      ++watches_.met().write_stall_limit;
      // Like TryCancel, which would say CANCELLED. Under the lock: the write under way keeps the call alive. The
      // details of the status are not told: they would queue behind that write.
      grpc_call_cancel_with_status(context_.c_call(), static_cast<grpc_status_code>(status_->error_code()),
                                   status_->error_message().c_str(), nullptr);
      return;
    }
    if (const jobs::Steady next = stream_.next_tick(); next < tick_at_) tick = tick_at_ = next;
  }
  if (tick) ticker_.CallAt(*tick, weak_from_this());
  Carry(std::move(action));
}

void WatchReactor::Carry(Stream::Action action) {
  std::visit(Overloaded{
                 [](Stream::Nothing) {},
                 [](Stream::Cancel) {},
                 [this](Stream::Pull) { Pull(); },
                 [this](Stream::WriteStatus) {
                   message_ = EncodeWatchStatusResponse(*pulled_.snapshot, pulled_.observe_time, WallNow());
                   call_.MessageSent();
                   StartWrite(&message_);
                 },
                 [this](Stream::WriteHeartbeat heartbeat) {
                   message_ = EncodeHeartbeat(heartbeat.revision);
                   call_.MessageSent();
                   StartWrite(&message_);
                 },
                 [this](Stream::Finish finish) { Finish(call_.End(Outcome(finish.end))); },
             },
             action);
}

void WatchReactor::Pull() {
  std::uint64_t after = 0;
  {
    const std::lock_guard lock(mutex_);
    after = stream_.sent_revision();
  }
  backlog_.Next(after, [self = shared_from_this()](auto next) { self->OnPulled(std::move(next)); });
}

void WatchReactor::OnPulled(std::expected<board::Board::Next, jobs::ArchiveError> next) {
  std::optional<Stream::Found> found;
  std::uint64_t revision = 0;
  if (next) {
    revision = next->revision;
    pulled_ = std::move(next->sighted);
    if (const board::Snapshot& status = pulled_.snapshot)
      found = {status->job_id, status->revision, jobs::IsTerminal(status->state)};
    if (found) taken_revision_.store(found->revision, std::memory_order_relaxed);
  }
  Tell([&](jobs::Steady now) {
    if (!next) {
      if (!status_) status_ = ArchiveUnreadable("");
      stream_.Stop(Stream::End::kStopped);  // acted on with what was pulled
    }
    return stream_.Pulled(found, revision, now);
  });
}

grpc::Status WatchReactor::Outcome(Stream::End end) {
  const std::lock_guard lock(mutex_);
  if (end == Stream::End::kAllTerminal) return grpc::Status::OK;
  if (end == Stream::End::kOld && !status_) {
    ++watches_.met().max_connection_age;
    return ConnectionOld();
  }
  return status_.value_or(grpc::Status::CANCELLED);
}

void WatchReactor::Stop(Stream::End end, std::optional<grpc::Status> status) {
  Tell([&](jobs::Steady) {
    if (!status_) status_ = std::move(status);
    return stream_.Stop(end);
  });
}

void WatchReactor::OnLookup(const std::string& job_id, const board::LookupResult& result) {
  std::visit(
      Overloaded{
          [&](const board::Snapshot& found) {
            if (IsToldAlready(found)) {
              Tell([&](jobs::Steady) { return stream_.AlreadyTold(job_id); });
            } else {
              OnChange(true);
            }
          },
          [&](const board::NotFound&) { Stop(Stream::End::kStopped, JobNotFound(job_id, watch_.filter.backend)); },
          [&](const board::NotAsked& not_asked) { Stop(Stream::End::kStopped, NotAsked(not_asked, job_id)); },
          [&](const board::TooManyLookups& too_many) {
            Stop(Stream::End::kStopped, TooManyLookups(job_id, too_many.retry_after));
          },
      },
      result);
}

void WatchReactor::Drain() {
  Stop(Stream::End::kStopped, ShuttingDown());
}

void WatchReactor::OnChange(bool of_state) {
  Tell([&](jobs::Steady now) { return stream_.Changed(of_state, now); });
}

void WatchReactor::OnTick(jobs::Steady) {
  Tell([&](jobs::Steady now) {
    tick_at_ = jobs::Steady::max();
    return stream_.Tick(now);
  });
}

void WatchReactor::OnWriteDone(bool ok) {
  Tell([&](jobs::Steady now) { return stream_.Wrote(ok, now); });
}

void WatchReactor::OnCancel() {
  Stop(Stream::End::kCallerLeft, std::nullopt);
}

void WatchReactor::OnDone() {
  subscription_.End();
  lookups_.clear();
  watches_.Remove(self_);
  self_.reset();  // gRPC is done with it; the last of those who may still be calling frees it
}

}  // namespace rpc
