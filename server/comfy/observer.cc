#include "comfy/observer.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "comfy/clock.h"
#include "jobs/job_id.h"

namespace comfy {

namespace asio = boost::asio;
using jobs::BackendError;
using jobs::Steady;

namespace {

// However dear a server's answers are, it is asked for a sign of life this often.
constexpr jobs::Duration kLongestSilence = std::chrono::seconds(10);

const BackendError kStopping{.kind = BackendError::Kind::kStopping, .detail = "the service is stopping"};

}  // namespace

Observer::Observer(asio::io_context& io, CurlLoop& loop, std::string name, HttpOptions http, ObserverOptions options,
                   jobs::ObservationSink& sink)
    : name_(std::move(name)),
      options_(options),
      sink_(sink),
      io_(io),
      api_(io, loop, std::move(http), options.pacing, options.jobs_api_retry, traffic_),
      listener_(
          io, api_.http(), options.listener, [this](jobs::Observation heard) { Pass(std::move(heard)); },
          [this](bool is_back) { LookSoon(is_back); }, [this] { api_.continuity().SocketEnded(); }, traffic_),
      backoff_(options.backoff_first, options.backoff_longest),
      turn_timer_(io),
      patience_timer_(io) {}

void Observer::Resume(const Remembered& remembered) {
  constexpr Continuity::Mark kBeforeTheWatch;
  for (const Remembered::Unfinished& job : remembered.unfinished) {
    if (!jobs::IsUsableJobId(job.job_id)) continue;
    active_.emplace(job.job_id, Active{.number = job.number, .running = job.running, .seen = kBeforeTheWatch});
    api_.continuity().Numbered(job.job_id, job.number);
  }
  const std::size_t witnesses = std::min(remembered.finished.size(), Witnesses::kMost);
  for (std::size_t i = witnesses; i-- > 0;) {
    const Remembered::Finished& job = remembered.finished[i];
    witnesses_.Learn(job.job_id, job.number, kBeforeTheWatch);
    api_.continuity().Numbered(job.job_id, job.number);
  }
}

void Observer::Start() {
  listener_.Start();
  asio::co_spawn(io_, Run(), [](const std::exception_ptr& thrown) {
    if (thrown)
      std::rethrow_exception(thrown);  // out of the loop's run: an observer that ended in silence would be worse
  });
}

void Observer::Stop() {
  stopped_ = true;
  listener_.Stop();
  api_.Close();
  turn_timer_.cancel();
  patience_timer_.cancel();
  LookupsFailed(kStopping, Steady::max());
}

// Something said that the server has changed.
void Observer::LookSoon(bool is_back) {
  woken_ = true;
  if (failing_ && is_back) retry_at_ = SteadyNow();
  turn_timer_.cancel();
}

void Observer::Tell(jobs::Observation observation) {
  listener_.Flush();
  Pass(std::move(observation));
}

void Observer::Pass(jobs::Observation observation) {
  sink_.Observe(name_, std::move(observation), WallNow());
}

// ---- when
// ------------------------------------------------------------------------------------------------------------------

asio::awaitable<void> Observer::Run() {
  while (!stopped_) {
    co_await SleepUntilNextTurn();
    if (stopped_) break;
    woken_ = false;
    const auto done = co_await Turn();
    last_turn_ = SteadyNow();
    if (stopped_) break;
    if (!done) {
      Failed(done.error());
    } else {
      if (failing_ && !ConcernsOneAnswer(*failing_)) listener_.Retry();
      failing_.reset();
      backoff_.Reset();
    }
  }
}

asio::awaitable<void> Observer::SleepUntilNextTurn() {
  for (Steady due = NextTurn(); due > SteadyNow() && !stopped_; due = NextTurn()) {
    turn_timer_.expires_at(due);
    boost::system::error_code woken;
    co_await turn_timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

Steady Observer::NextTurn() const {
  if (failing_) return retry_at_;
  if (!introduced_) return Steady{};
  Steady due = last_turn_ + (woken_              ? options_.least_interval
                             : listener_.hears() ? options_.safety_interval
                             : Busy()            ? options_.poll_interval
                                                 : options_.idle_interval);
  for (const auto& [id, sought] : sought_) due = std::min(due, sought.next_at);
  // With the budget overdrawn, nobody's haste brings the next turn nearer than a light one may be.
  const jobs::Duration made_up_for = std::min(2 * api_.pacer().TimeFor(light_cost_), kLongestSilence);
  const Steady light = last_turn_ + std::max(made_up_for, options_.idle_interval);
  return std::max(due, std::min(api_.pacer().ready_at(last_turn_), light));
}

void Observer::Failed(const Error& error) {
  const Steady now = SteadyNow();
  const double jitter = std::uniform_real_distribution<double>()(random_);
  retry_at_ = now + backoff_.Next(jitter);
  failing_ = error;
  introduced_ = false;
  if (ConcernsOneAnswer(error)) api_.continuity().Failed(Error::Kind::kHttpError);  // a look that told nothing
  Tell(jobs::BackendFailed{error});
  LookupsFailed(error, now);
  ArmPatience();
}

// ---- what
// ------------------------------------------------------------------------------------------------------------------

Observer::Answer<void> Observer::Turn() {
  if (!introduced_ || api_.continuity().RestartSince(introduced_at_)) {
    if (auto done = co_await Introduce(); !done) co_return std::unexpected(done.error());
  }
  const Steady now = SteadyNow();
  const bool affordable = api_.pacer().ready_at(now) <= now;
  if (!affordable) {
    const jobs::Duration spent_before = api_.spent();
    auto done = co_await LightTurn(true);
    light_cost_ = api_.spent() - spent_before;
    co_return done;
  }
  if (Busy() || !DueSought().empty()) co_return co_await FullTurn();
  co_return co_await LightTurn(false);
}

// What the server is and can. Asked again when it may be another: after an outage or a restart.
Observer::Answer<void> Observer::Introduce() {
  auto version = co_await api_.Version();
  if (!version) co_return std::unexpected(version.error());
  version_ = std::move(*version);
  introduced_ = true;
  introduced_at_ = api_.continuity().mark();
  co_return std::expected<void, Error>();
}

Observer::Answer<void> Observer::FullTurn() {
  if (auto done = co_await SettleOver(); !done) co_return done;
  // Only who was sought before the queue was asked is missing if neither the queue nor the history has the job.
  const std::vector<std::string> due = DueSought();
  const Steady asked_at = SteadyNow();
  auto queue = co_await api_.Queue(
      {.workflow = [this](const std::string& id, jobs::QueueNumber number) { return WorkflowWanted(id, number); },
       .client_id = listener_.client_id()});
  if (!queue) co_return std::unexpected(queue.error());
  jobs::QueueListing* const listing = &queue->listing;
  queue_remaining_ = static_cast<int>(listing->running.size() + listing->pending.size());

  Listed listed;
  for (const auto* items : {&listing->running, &listing->pending}) {
    for (const jobs::QueueItem& item : *items) listed[item.job_id].push_back(item.number);
  }
  if (auto done = co_await SettleRenumbered(listed); !done) co_return done;

  std::vector<std::string> left;
  for (const auto& [id, active] : active_) {
    if (!listed.contains(id)) left.push_back(id);
  }
  std::ranges::sort(left, {}, [&](const std::string& id) { return active_.find(id)->second.number; });  // as they ran
  // Not one that left long ago, whose history cannot be read.
  const bool any_left =
      std::ranges::any_of(left, [&](const std::string& id) { return !active_.find(id)->second.ask_again_at; });
  const bool joined = Follow(*queue);
  for (const std::string& id : due) {
    if (listed.contains(id)) sought_.erase(id);
  }
  // Ends are told before what follows them, or two jobs would seem to run at once.
  if (auto done = co_await SettleLeft(left); !done) co_return done;
  TellListener(asked_at, joined || any_left, true);
  Tell(jobs::BackendAnswered{version_});
  Tell(jobs::QueueObserved{std::move(*listing)});
  co_return co_await SettleSought(due, asked_at);
}

// What can be learned without the queue: that the server is there, whether anything changed, and, since an entry in the
// history is proof whatever the queue says, the end of a running job.
Observer::Answer<void> Observer::LightTurn(bool queue_is_too_dear) {
  const Steady asked_at = SteadyNow();
  const auto remaining = co_await api_.QueueRemaining();
  if (!remaining) co_return std::unexpected(remaining.error());
  Tell(jobs::BackendAnswered{version_});
  const bool changed = *remaining != queue_remaining_;
  queue_remaining_ = *remaining;
  if (queue_is_too_dear || *remaining == 0) TellListener(asked_at, changed, false);
  if (!queue_is_too_dear) {
    if (*remaining > 0) co_return co_await FullTurn();
    co_return std::expected<void, Error>();
  }

  if (changed) {
    std::vector<std::string> running;
    for (const auto& [id, active] : active_) {
      if (active.running) running.push_back(id);
    }
    for (const std::string& id : running) {
      auto entry = co_await api_.History(id);
      if (!entry && !ConcernsOneAnswer(entry.error())) co_return std::unexpected(entry.error());
      const auto active = active_.find(id);
      if (!entry || !*entry || active == active_.end() || !((*entry)->number == active->second.number)) continue;
      TellVerdict(id, std::move(**entry));
      active_.erase(active);
    }
  }
  co_return co_await SettleSought(DueSought(), std::nullopt);
}

// Jobs that were heard to be over. The history would be asked of them anyway, and where it has them, that is proof: who
// waits for the end need not wait for the queue as well, which may be long.
Observer::Answer<void> Observer::SettleOver() {
  const std::vector<std::string> over = listener_.TakeOver();
  for (const std::string& id : over) {
    const auto active = active_.find(id);
    if (active == active_.end()) continue;
    auto entry = co_await api_.History(id);
    if (!entry && !ConcernsOneAnswer(entry.error())) co_return std::unexpected(entry.error());
    if (!entry || !*entry || !((*entry)->number == active->second.number)) continue;  // the queue comes first, then
    TellVerdict(id, std::move(**entry));
    active_.erase(active);
  }
  co_return std::expected<void, Error>();
}

// A prompt_id that is in the queue, but not as the run that is followed: that run has left, and another of its id is
// there.
Observer::Answer<void> Observer::SettleRenumbered(const Listed& listed) {
  std::vector<std::string> renumbered;
  for (const auto& [id, active] : active_) {
    const auto runs = listed.find(id);
    if (runs != listed.end() && std::ranges::count(runs->second, active.number) == 0) renumbered.push_back(id);
  }
  for (const std::string& id : renumbered) {
    auto entry = co_await api_.History(id);
    if (!entry && !ConcernsOneAnswer(entry.error())) co_return std::unexpected(entry.error());
    const auto active = active_.find(id);
    if (entry && *entry && (*entry)->number == active->second.number) TellVerdict(id, std::move(**entry));
    active_.erase(active);  // the run in the queue is followed from here on
  }
  co_return std::expected<void, Error>();
}

// Jobs that left the queue: the history knows how they ended, or they are gone.
Observer::Answer<void> Observer::SettleLeft(const std::vector<std::string>& left) {
  for (const std::string& id : left) {
    const auto active = active_.find(id);
    if (active == active_.end()) continue;
    if (active->second.ask_again_at && *active->second.ask_again_at > SteadyNow()) continue;
    auto entry = co_await api_.History(id);
    if (!entry) {
      if (!ConcernsOneAnswer(entry.error())) co_return std::unexpected(entry.error());
      HistoryUnreadable(id, active->second);
      continue;
    }
    // An entry of another number is an earlier run of a prompt_id that was used again.
    if (*entry && (*entry)->number == active->second.number) {
      TellVerdict(id, std::move(**entry));
    } else {
      const auto absence = co_await Absence(active->second);
      if (!absence) co_return std::unexpected(absence.error());
      Tell(jobs::AbsenceObserved{id, *absence});
    }
    active_.erase(active);
  }
  co_return std::expected<void, Error>();
}

// Where the process is the same, no sign means anything, and only what was not answered can have been missed.
Observer::Answer<jobs::SeenNowhere> Observer::Absence(const Active& active) {
  const Continuity& watch = api_.continuity();
  const bool unread = active.ask_again_at.has_value();  // the history may have had it, and lost it since
  if (!watch.DoubtSince(active.seen)) co_return jobs::SeenNowhere{.watched_without_gap = !unread};
  if (const auto asked = co_await AskWitnesses(active.seen); !asked) co_return std::unexpected(asked.error());
  const std::optional<bool> same_process = witnesses_.SameSince(active.seen, watch.mark());
  if (!same_process) co_return jobs::SeenNowhere{.backend_restarted = watch.RestartSince(active.seen)};
  co_return jobs::SeenNowhere{.watched_without_gap = *same_process && !unread && !watch.UnansweredSince(active.seen),
                              .backend_restarted = !*same_process};
}

// What they say is good for all jobs that are missed, until there is doubt again.
Observer::Answer<void> Observer::AskWitnesses(const Continuity::Mark& since) {
  const Continuity& watch = api_.continuity();
  for (std::size_t asked = 0; asked < Witnesses::kMost; ++asked) {
    const auto id = witnesses_.NextToAsk(since, watch.mark());
    if (!id) break;
    const auto entry = co_await api_.History(*id);
    if (entry) {
      const auto number = entry->transform([](const jobs::HistoryEntry& has) { return has.number; });
      witnesses_.Answered(*id, number, watch.mark());
    } else if (ConcernsOneAnswer(entry.error())) {
      witnesses_.NotAnswered(*id, watch.mark());
    } else {
      co_return std::unexpected(entry.error());
    }
  }
  co_return std::expected<void, Error>();
}

void Observer::TellVerdict(const std::string& job_id, jobs::HistoryEntry entry) {
  witnesses_.Learn(job_id, entry.number, api_.continuity().mark());
  api_.continuity().Numbered(job_id, entry.number);
  Tell(jobs::HistoryObserved{job_id, std::move(entry)});
}

// One entry that ComfyUI cannot encode makes its own answer a 500 for as long as it stands; it must not cost the others
// anything.
void Observer::HistoryUnreadable(const std::string& job_id, Active& active) {
  active.ask_again_after = std::clamp(active.ask_again_after * 2, options_.poll_interval, options_.jobs_api_retry);
  active.ask_again_at = SteadyNow() + active.ask_again_after;
  Tell(jobs::JobNotObserved{job_id});
}

// `queue_asked_at`: the queue was asked then and has none of these jobs, so that one the history does not have either
// is nowhere.
Observer::Answer<void> Observer::SettleSought(const std::vector<std::string>& due,
                                              std::optional<Steady> queue_asked_at) {
  for (const std::string& id : due) {
    if (!sought_.contains(id)) continue;
    auto entry = co_await api_.History(id);
    const Steady now = SteadyNow();
    if (!entry) {
      if (!ConcernsOneAnswer(entry.error())) co_return std::unexpected(entry.error());
      LookupFailed(id, entry.error(), now);
    } else if (*entry) {
      sought_.erase(id);
      TellVerdict(id, std::move(**entry));
    } else if (const auto sought = sought_.find(id); sought != sought_.end()) {
      const bool joined_since = queue_asked_at && sought->second.joined > *queue_asked_at;
      if (!joined_since) {
        sought->second.next_at = std::max(now + options_.poll_interval, api_.pacer().ready_at(now));
      }
      if (queue_asked_at) {
        sought->second.since = now;
        if (sought->second.until <= *queue_asked_at) sought_.erase(sought);
        Tell(jobs::LookupMissed{id, *queue_asked_at});
      }
    }
    if (api_.pacer().ready_at(now) > now) break;  // the others are still due
  }
  co_return std::expected<void, Error>();
}

// True when the queue is not as it was followed: somebody came, or began to run.
bool Observer::Follow(QueueAnswer& queue) {
  bool changed = false;
  for (const bool running : {true, false}) {  // of two runs of one id, the running one
    for (const jobs::QueueItem& item : running ? queue.listing.running : queue.listing.pending) {
      if (!jobs::IsUsableJobId(item.job_id)) continue;
      const auto [found, added] = active_.try_emplace(item.job_id, Active{.number = item.number});
      Active& active = found->second;
      if (!(item.number == active.number)) continue;
      changed = changed || added || active.running != running;
      active.running = running;
      active.seen = queue.seen;
      active.ask_again_at.reset();
      if (item.submitter == jobs::Submitter::kUnknown) continue;
      active.workflow_read = true;
      active.submitter = item.submitter;
      active.client_id = std::move(queue.client_ids[{item.job_id, item.number}]);
    }
  }
  return changed;
}

bool Observer::WorkflowWanted(const std::string& job_id, jobs::QueueNumber number) const {
  const auto active = active_.find(job_id);
  if (active == active_.end()) return jobs::IsUsableJobId(job_id);
  return !active->second.workflow_read && active->second.number == number;
}

void Observer::TellListener(Steady asked_at, bool changed, bool running_seen) {
  std::optional<std::vector<Listener::RunningJob>> running;
  if (running_seen || active_.empty()) running.emplace();
  for (const auto& [id, active] : active_) {
    if (running && active.running) running->push_back({id, active.submitter, active.client_id});
  }
  listener_.Looked(asked_at, changed, running);
}

// ---- look-ups
// --------------------------------------------------------------------------------------------------------------

void Observer::LookFor(const std::string& job_id, Steady until) {
  asio::post(io_, [this, job_id, until] { AddSought(job_id, until); });
}

void Observer::StopLookingFor(const std::string& job_id) {
  asio::post(io_, [this, job_id] { sought_.erase(job_id); });
}

void Observer::AddSought(const std::string& job_id, Steady until) {
  const Steady now = SteadyNow();
  auto [found, added] = sought_.try_emplace(job_id, Sought{now, until, now, now});
  found->second.until = std::max(found->second.until, until);
  found->second.next_at = found->second.joined = now;
  if (stopped_) return LookupFailed(job_id, kStopping, Steady::max());
  if (failing_) {
    LookupFailed(job_id, *failing_, now);
  } else {
    turn_timer_.cancel();
  }
  ArmPatience();
}

std::vector<std::string> Observer::DueSought() const {
  const Steady now = SteadyNow();
  std::vector<std::string> due;
  for (const auto& [id, sought] : sought_) {
    if (sought.next_at <= now) due.push_back(id);
  }
  return due;
}

// Tells those who wait no longer than `as_of`; the others wait on.
void Observer::LookupFailed(const std::string& job_id, const Error& error, Steady as_of) {
  const auto sought = sought_.find(job_id);
  if (sought == sought_.end()) return;
  const Steady now = SteadyNow();
  sought->second.since = now;
  sought->second.next_at = std::max(now + options_.idle_interval, retry_at_);
  if (sought->second.until <= as_of) sought_.erase(sought);
  Tell(jobs::LookupFailed{job_id, error, as_of});
}

void Observer::LookupsFailed(const Error& error, Steady as_of) {
  std::vector<std::string> ids;
  for (const auto& [id, sought] : sought_) ids.push_back(id);
  for (const std::string& id : ids) LookupFailed(id, error, as_of);
}

void Observer::OutOfPatience() {
  const Steady now = SteadyNow();
  std::vector<std::string> waiting;
  std::vector<std::string> hopeless;  // the server is away, and nobody wants to wait for its return
  for (const auto& [id, sought] : sought_) {
    if (failing_ && sought.until <= now) {
      hopeless.push_back(id);
    } else if (sought.since + options_.lookup_patience <= now) {
      waiting.push_back(id);
    }
  }
  const Error late{.kind = Error::Kind::kTimeout, .detail = "ComfyUI did not answer in time"};
  for (const std::string& id : waiting) LookupFailed(id, late, now - options_.lookup_patience);
  for (const std::string& id : hopeless) LookupFailed(id, *failing_, now);
}

void Observer::ArmPatience() {
  if (sought_.empty() || stopped_) return;
  Steady due = Steady::max();
  for (const auto& [id, sought] : sought_) {
    due = std::min(due, sought.since + options_.lookup_patience);
    if (failing_) due = std::min(due, sought.until);
  }
  patience_timer_.expires_at(due);
  patience_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled) return;
    OutOfPatience();
    ArmPatience();
  });
}

}  // namespace comfy
