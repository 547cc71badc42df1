#include "board/board.h"

#include <utility>

#include "jobs/job_id.h"
#include "jobs/transitions.h"

namespace board {

Board::Board(const std::vector<BackendConfig>& backends, Limits limits, std::uint64_t first_revision)
    : limits_(limits), revision_(first_revision) {
  for (const BackendConfig& config : backends) {
    backend_index_.emplace(config.name, backends_.size());
    Backend& backend = backends_.emplace_back();
    backend.state.name = config.name;
    backend.state.url = config.url;
  }
}

void Board::Connect(const std::string& backend, jobs::JobSource& source) {
  const std::lock_guard lock(mutex_);
  Named(backend).source = &source;
}

Board::Backend& Board::Named(std::string_view name) {
  return backends_[backend_index_.find(name)->second];
}

// ---- observations
// ----------------------------------------------------------------------------------------------------------

void Board::Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) {
  Effects effects;
  {
    const std::lock_guard lock(mutex_);
    std::visit([&](auto& seen) { On(Named(backend), seen, now, effects); }, observation);
    statuses_.Evict(now - limits_.keep_finished, limits_.max_finished_jobs,
                    [&](const std::string& job_id) { return subscribers_.Names(job_id); });
    StopLooking(effects.unwanted);
  }
  for (Answer& answer : effects.answers) answer.Tell();
  for (const auto& [watcher, of_state] : effects.notices) watcher->OnChange(of_state);
}

void Board::Apply(const std::string& job_id, Backend& backend, const jobs::Sighting& sighting,
                  const std::optional<jobs::Estimate>& estimate, jobs::Time now, Effects& effects) {
  const Snapshot old = statuses_.Find(job_id, backend.state.name);
  std::optional<jobs::JobStatus> next = jobs::Apply(old.get(), job_id, backend.state.name, sighting, now);
  const jobs::JobStatus* current = next ? &*next : old.get();
  if (current != nullptr && !current->stale && !jobs::IsTerminal(current->state)) {
    const auto settled = jobs::Settle(old ? old->estimate : std::nullopt, estimate, now);
    if (settled != current->estimate) {
      if (!next) next = *old;
      next->estimate = settled;
    }
  }
  if (next && !(old && jobs::SaysTheSame(*old, *next))) {
    next->revision = ++revision_;
    const bool of_state = jobs::IsChangeOfState(old.get(), *next);
    const auto published = std::make_shared<const jobs::JobStatus>(std::move(*next));
    statuses_.Put(published);
    subscribers_.Notice(*published, of_state, effects.notices);
    if (!old && !unknown_.empty()) {
      unknown_.erase({job_id, ""});
      unknown_.erase({job_id, backend.state.name});
    }
  }
  if (const Snapshot known = statuses_.Find(job_id, backend.state.name))
    waits_.Found(known, effects.answers, effects.unwanted);
}

void Board::On(Backend& backend, jobs::QueueObserved& queue, jobs::Time now, Effects& effects) {
  const auto& [running, pending] = queue.listing;
  std::optional<jobs::Time> running_since;  // of a running job; more than one run only on forks
  std::map<std::string, jobs::Time> still_running;
  for (const jobs::QueueItem& item : running) {
    if (!jobs::IsUsableJobId(item.job_id) || still_running.contains(item.job_id)) continue;
    // Begun since the last look; what was running at the first look may have been for long.
    const auto known = backend.running_since.find(item.job_id);
    if (known != backend.running_since.end()) {
      running_since = still_running[item.job_id] = known->second;
    } else if (backend.queue_time) {
      const Snapshot old = statuses_.Find(item.job_id, backend.state.name);
      if (!old || old->state != jobs::JobState::kProcessing) running_since = still_running[item.job_id] = now;
    }
    const auto begun = still_running.find(item.job_id);
    const auto estimate =
        begun == still_running.end() ? std::nullopt : backend.run_times.EndOfRunning(begun->second, now);
    Apply(item.job_id, backend, jobs::SeenRunning{item.create_time}, estimate, now, effects);
  }

  std::set<std::string_view> seen;
  for (const jobs::QueueItem& item : running) seen.insert(item.job_id);
  jobs::QueuePlace place{.position = 0, .size = static_cast<int>(pending.size())};
  for (const jobs::QueueItem& item : pending) {
    ++place.position;
    if (!seen.insert(item.job_id).second || !jobs::IsUsableJobId(item.job_id)) continue;
    const bool begin_known = running.empty() || running_since;
    const auto estimate =
        begin_known ? backend.run_times.EndOfQueued(place.position, running_since, now) : std::nullopt;
    Apply(item.job_id, backend, jobs::SeenQueued{place, item.create_time}, estimate, now, effects);
  }

  backend.running_since = std::move(still_running);
  backend.queue_time = now;
  backend.state.running = static_cast<int>(running.size());
  backend.state.pending = place.size;
}

void Board::On(Backend& backend, jobs::HistoryObserved& history, jobs::Time now, Effects& effects) {
  const Snapshot old = statuses_.Find(history.job_id, backend.state.name);
  Apply(history.job_id, backend, jobs::SeenInHistory{history.entry}, std::nullopt, now, effects);
  const Snapshot ended = statuses_.Find(history.job_id, backend.state.name);
  if (ended != old && ended->state == jobs::JobState::kCompleted && ended->start_time && ended->end_time) {
    backend.run_times.Add(*ended->end_time - *ended->start_time);
  }
}

void Board::On(Backend& backend, jobs::AbsenceObserved& absence, jobs::Time now, Effects& effects) {
  Apply(absence.job_id, backend, absence.sighting, std::nullopt, now, effects);
}

void Board::On(Backend& backend, jobs::JobNotObserved& job, jobs::Time now, Effects& effects) {
  Apply(job.job_id, backend, jobs::NotSeen{backend.queue_time}, std::nullopt, now, effects);
}

void Board::On(Backend& backend, jobs::LookupMissed& missed, jobs::Time, Effects& effects) {
  waits_.Missed(backend.state.name, missed.job_id, missed.asked_at, nullptr, effects.answers, effects.unwanted,
                [&](const Waits::Wait& wait) { RememberUnknown(wait, missed.asked_at); });
}

void Board::On(Backend& backend, jobs::LookupFailed& failed, jobs::Time, Effects& effects) {
  waits_.Missed(backend.state.name, failed.job_id, failed.as_of, &failed.error, effects.answers, effects.unwanted,
                [](const Waits::Wait&) {});
}

void Board::On(Backend& backend, jobs::BackendAnswered& answered, jobs::Time now, Effects&) {
  backend.state.reachable = true;
  backend.state.last_error.clear();
  backend.state.observe_time = now;
  backend.state.comfyui_version = answered.comfyui_version;
}

void Board::On(Backend& backend, jobs::BackendFailed& failed, jobs::Time now, Effects& effects) {
  backend.state.reachable = false;
  backend.state.last_error = failed.error.detail;
  const jobs::NotSeen not_seen{
      std::exchange(backend.queue_time, std::nullopt)};  // what begins from here on begins unseen
  for (const std::string& id : std::set(statuses_.Unfinished(backend.state.name))) {
    Apply(id, backend, not_seen, std::nullopt, now, effects);
  }
}

void Board::RememberUnknown(const Waits::Wait& wait, jobs::Steady asked_at) {
  if (unknown_.size() >= limits_.max_unknown)
    std::erase_if(unknown_, [&](const auto& entry) { return entry.second <= asked_at; });
  if (unknown_.size() < limits_.max_unknown)
    unknown_[{wait.job_id, wait.backend}] = asked_at + limits_.remember_unknown;
}

// ---- readers
// ---------------------------------------------------------------------------------------------------------------

bool Board::HasBackend(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  return backend_index_.contains(name);
}

std::vector<BackendState> Board::Backends() const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendState> states;
  for (const Backend& backend : backends_) states.push_back(backend.state);
  return states;
}

Board::Sighted Board::See(Snapshot snapshot) const {
  if (!snapshot) return {};
  Sighted sighted{snapshot, snapshot->observe_time};
  if (snapshot->stale || jobs::IsTerminal(snapshot->state)) return sighted;
  const auto& queue_time = backends_[backend_index_.at(snapshot->backend)].queue_time;
  if (queue_time) sighted.observe_time = std::max(sighted.observe_time, *queue_time);
  return sighted;
}

Board::Sighted Board::Find(const std::string& job_id, const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  return See(statuses_.Find(job_id, backend));
}

std::vector<Board::Sighted> Board::List(const std::string& backend, const std::set<jobs::JobState>& states,
                                        std::uint64_t before, std::size_t limit) const {
  const std::lock_guard lock(mutex_);
  std::vector<Sighted> list;
  for (Snapshot& snapshot : statuses_.List(backend, states, before, limit)) list.push_back(See(std::move(snapshot)));
  return list;
}

// ---- look-ups
// --------------------------------------------------------------------------------------------------------------

Board::Handle Board::LookUp(const std::string& job_id, const std::string& backend, jobs::Steady until, jobs::Steady now,
                            std::function<void(LookupResult)> done) {
  std::optional<LookupResult> known;
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (const Snapshot snapshot = statuses_.Find(job_id, backend)) {
      known = snapshot;
    } else if (const auto unknown = unknown_.find({job_id, backend});
               unknown != unknown_.end() && unknown->second > now &&
               until <= now) {  // who wants to wait is not told "no" at once
      known = NotFound{};
    } else {
      Waits::Wait wait{job_id, backend, until, {}, std::nullopt, std::move(done)};
      std::vector<jobs::JobSource*> sources;
      for (const Backend& candidate : backends_) {
        if (candidate.source == nullptr || (!backend.empty() && candidate.state.name != backend)) continue;
        wait.open.insert(candidate.state.name);
        sources.push_back(candidate.source);
      }
      if (sources.empty()) {
        known = NotFound{};
        done = std::move(wait.done);
      } else {
        id = waits_.Add(std::move(wait));
      }
      for (jobs::JobSource* source : sources) source->LookFor(job_id, until);
    }
  }
  if (!known) return Handle(*this, id, &Board::EndWait);
  done(std::move(*known));
  return {};
}

void Board::EndWait(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  std::vector<Waits::Unwanted> unwanted;
  waits_.Cancel(id, unwanted);
  StopLooking(unwanted);
}

void Board::StopLooking(const std::vector<Waits::Unwanted>& unwanted) {
  for (const auto& [backend, job_id] : unwanted) Named(backend).source->StopLookingFor(job_id);
}

// ---- watchers
// --------------------------------------------------------------------------------------------------------------

Board::Handle Board::Subscribe(const Filter& filter, std::shared_ptr<Watcher> watcher) {
  const std::lock_guard lock(mutex_);
  return Handle(*this, subscribers_.Add(filter, std::move(watcher)), &Board::EndSubscription);
}

void Board::EndSubscription(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  subscribers_.Remove(id);
}

Board::Handle& Board::Handle::operator=(Handle&& other) noexcept {
  End();
  board_ = std::exchange(other.board_, nullptr);
  id_ = other.id_;
  ending_ = other.ending_;
  return *this;
}

void Board::Handle::End() {
  if (Board* const board = std::exchange(board_, nullptr)) (board->*ending_)(id_);
}

Board::Next Board::NextAfter(const Filter& filter, std::uint64_t after) const {
  const std::lock_guard lock(mutex_);
  return {See(statuses_.NextAfter(filter, after)), revision_};
}

}  // namespace board
