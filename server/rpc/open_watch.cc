#include "rpc/open_watch.h"

#include <atomic>
#include <cstdint>
#include <random>
#include <utility>

#include "rpc/clock.h"
#include "rpc/encode.h"
#include "rpc/errors.h"
#include "rpc/watches.h"

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

class OpenWatch::News final : public board::Watcher,
                              public Loop::Posted,
                              public std::enable_shared_from_this<OpenWatch::News> {
 public:
  News(OpenWatch& watch, std::shared_ptr<Loop::Inbox> inbox, std::uint64_t taken)
      : inbox_(std::move(inbox)), taken_revision_(taken), watch_(&watch) {}

  // However often something changes, it is posted once until the watch has heard of it.
  void OnChange(bool of_state) override {
    if (changed_.fetch_or(of_state ? kChanged | kOfState : kChanged) == 0) inbox_->Post(shared_from_this());
  }
  void OnPosted() override {
    const unsigned changed = changed_.exchange(0);
    if (watch_ != nullptr) watch_->OnChange((changed & kOfState) != 0);
  }

  // Calls `tell` with the watch, on the thread of the loop, if there still is one.
  template <class Function>
  void Post(Function tell) {
    inbox_->Post([self = shared_from_this(), tell = std::move(tell)]() mutable {
      if (self->watch_ != nullptr) tell(*self->watch_);
    });
  }

  std::uint64_t taken_revision() const override { return taken_revision_.load(std::memory_order_relaxed); }
  void SetTaken(std::uint64_t revision) { taken_revision_.store(revision, std::memory_order_relaxed); }

  void Forget() { watch_ = nullptr; }

 private:
  static constexpr unsigned kChanged = 1;
  static constexpr unsigned kOfState = 2;

  const std::shared_ptr<Loop::Inbox> inbox_;
  std::atomic<unsigned> changed_{0};
  std::atomic<std::uint64_t> taken_revision_;  // of the last status pulled
  OpenWatch* watch_;                           // null: it is over. Touched only by the loop's thread
};

OpenWatch::Served::Served(Call of, Watch wanted, const board::Board& board, const WatchTimes& times,
                          std::shared_ptr<News> news_of)
    : call(of),
      watch(std::move(wanted)),
      stream({.job_ids = watch.filter.job_ids,
              .after_revision = watch.after_revision,
              .min_interval = watch.min_interval,
              .heartbeat_interval = times.heartbeat_interval,
              .write_stall_limit = times.write_stall_limit,
              .end_at = EndOf(times.connection_age)},
             SteadyNow()),
      backlog(board, watch.filter),
      news(std::move(news_of)) {}

OpenWatch::OpenWatch(Watches& watches, JobStatusFace& face) : watches_(watches) {
  grpc::ServerCompletionQueue& queue = watches_.loop().queue();
  face.RequestWatchStatus(&awaited_context(), &request_, &wire(), &queue, &queue, arrived_tag());
}

OpenWatch::~OpenWatch() {
  watches_.loop().Forget(*this);
  if (served_) served_->news->Forget();
}

void OpenWatch::OnArrived() {
  watches_.OnArrived(*this);
}

void OpenWatch::OnOver() {
  watches_.OnOver(*this);
}

void OpenWatch::Refuse(Call call, const grpc::Status& status) {
  Finish(call.End(status));
}

// Registers with everything that can call, and sends what is known. Where that is nothing, the initial metadata goes
// out alone: it tells the caller that the watch stands.
void OpenWatch::Serve(Call call, Watch watch) {
  request_.Clear();
  auto news = std::make_shared<News>(*this, watches_.loop().inbox(), watch.after_revision);
  served_.emplace(call, std::move(watch), watches_.board(), watches_.times(), std::move(news));
  const board::Filter& filter = served_->watch.filter;
  const board::Caller caller{.name = notes.peer->first, .patient = true};
  // First subscribed, then pulled: what changes between the two is pulled or told.
  served_->subscription = watches_.board().Subscribe(filter, served_->news);
  for (const std::string& id : filter.job_ids) {
    const board::Snapshot known = watches_.board().Find(id, filter.backend).snapshot;
    if (!known) {
      LookUp(id, caller);
    } else if (IsToldAlready(known)) {
      Tell([&](jobs::Steady) { return served_->stream.AlreadyTold(id); });
    }
  }
  OnRecalled();
  if (!std::exchange(has_spoken_, true)) Greet();
}

void OpenWatch::LookUp(const std::string& job_id, const board::Caller& caller) {
  ++served_->recalls;
  const jobs::Steady now = SteadyNow();
  const auto& news = served_->news;
  served_->lookups.push_back(watches_.board().LookUp(
      job_id, served_->watch.filter.backend, now + served_->watch.wait_for_job, now,
      [news, job_id](const board::LookupResult& result) {
        news->Post([job_id, result](OpenWatch& watch) { watch.OnLookup(job_id, result); });
      },
      [news, turns = watches_.turns()] {
        turns->LookSoon();
        news->Post([](OpenWatch& watch) { watch.OnRecalled(); });
      },
      caller));
}

// What comes out of the archive has the revision it was told under. A greater one must not be sent before, or it would
// never be.
void OpenWatch::OnRecalled() {
  Tell([&](jobs::Steady) { return --served_->recalls == 0 ? served_->stream.Start() : Stream::Nothing{}; });
}

bool OpenWatch::IsToldAlready(const board::Snapshot& known) const {
  return jobs::IsTerminal(known->state) && known->revision <= served_->watch.after_revision;
}

// Takes an event to the stream, and carries its answer out.
template <class Event>
void OpenWatch::Tell(Event event) {
  Stream::Action action = event(SteadyNow());
  watches_.loop().CallAt(served_->stream.next_tick(), *this);
  Carry(std::move(action));
}

void OpenWatch::Carry(Stream::Action action) {
  std::visit(Overloaded{
                 [](Stream::Nothing) {},
                 [this](Stream::Cancel) { Cancel(); },
                 [this](Stream::Pull) { Pull(); },
                 [this](Stream::WriteStatus) { Send(watches_.Encode(served_->pulled)); },
                 [this](Stream::WriteHeartbeat heartbeat) { Send(EncodeHeartbeat(heartbeat.revision)); },
                 [this](Stream::Finish finish) {
                   has_spoken_ = true;
                   Finish(served_->call.End(Outcome(finish.end)));
                 },
             },
             action);
}

void OpenWatch::Send(const grpc::ByteBuffer& message) {
  served_->call.MessageSent();
  has_spoken_ = true;
  Write(message);
}

void OpenWatch::Cancel() {
  if (!served_->status) served_->status = std::make_unique<grpc::Status>(WriteStalled());
  ++watches_.met().write_stall_limit;
  Abort(*served_->status);
}

void OpenWatch::Pull() {
  // The stream gives out nothing, not even its end, until it is told what was pulled: this lives until then.
  served_->backlog.Next(served_->stream.sent_revision(), [this](auto next) {
    if (watches_.loop().IsThisThread()) return OnPulled(std::move(next));
    served_->news->Post([next = std::move(next)](OpenWatch& watch) mutable { watch.OnPulled(std::move(next)); });
  });
}

void OpenWatch::OnPulled(std::expected<board::Board::Next, jobs::ArchiveError> next) {
  std::optional<Stream::Found> found;
  std::uint64_t revision = 0;
  if (next) {
    revision = next->revision;
    served_->pulled = std::move(next->sighted);
    if (const board::Snapshot& status = served_->pulled.snapshot)
      found = {status->job_id, status->revision, jobs::IsTerminal(status->state)};
    if (found) served_->news->SetTaken(found->revision);
  }
  Tell([&](jobs::Steady now) {
    if (!next) {
      if (!served_->status) served_->status = std::make_unique<grpc::Status>(ArchiveUnreadable(""));
      served_->stream.Stop(Stream::End::kStopped);  // acted on with what was pulled
    }
    return served_->stream.Pulled(found, revision, now);
  });
}

grpc::Status OpenWatch::Outcome(Stream::End end) {
  if (end == Stream::End::kAllTerminal) return grpc::Status::OK;
  if (end == Stream::End::kOld && !served_->status) {
    ++watches_.met().max_connection_age;
    return ConnectionOld();
  }
  return served_->status ? *served_->status : grpc::Status::CANCELLED;
}

void OpenWatch::Stop(Stream::End end, std::optional<grpc::Status> status) {
  if (!served_->status && status) served_->status = std::make_unique<grpc::Status>(std::move(*status));
  Tell([&](jobs::Steady) { return served_->stream.Stop(end); });
}

void OpenWatch::OnLookup(const std::string& job_id, const board::LookupResult& result) {
  std::visit(Overloaded{
                 [&](const board::Snapshot& found) {
                   if (IsToldAlready(found)) {
                     Tell([&](jobs::Steady) { return served_->stream.AlreadyTold(job_id); });
                   } else {
                     OnChange(true);
                   }
                 },
                 [&](const board::NotFound&) {
                   Stop(Stream::End::kStopped, JobNotFound(job_id, served_->watch.filter.backend));
                 },
                 [&](const board::NotAsked& not_asked) { Stop(Stream::End::kStopped, NotAsked(not_asked, job_id)); },
                 [&](const board::TooManyLookups& too_many) {
                   Stop(Stream::End::kStopped, TooManyLookups(job_id, too_many.retry_after));
                 },
             },
             result);
}

void OpenWatch::Drain() {
  if (served_) Stop(Stream::End::kStopped, ShuttingDown());
}

void OpenWatch::OnChange(bool of_state) {
  Tell([&](jobs::Steady now) { return served_->stream.Changed(of_state, now); });
}

void OpenWatch::OnTick(jobs::Steady) {
  Tell([&](jobs::Steady now) { return served_->stream.Tick(now); });
}

void OpenWatch::OnWritten(bool ok) {
  Tell([&](jobs::Steady now) { return served_->stream.Wrote(ok, now); });
}

void OpenWatch::OnCancelled() {
  if (served_) Stop(Stream::End::kCallerLeft, std::nullopt);
}

}  // namespace rpc
