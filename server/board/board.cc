#include "board/board.h"

#include <algorithm>
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

void Board::Apply(const std::string& job_id, Backend& backend, const jobs::Sighting& sighting, jobs::Time now,
                  Effects& effects) {
  const Snapshot old = statuses_.Find(job_id, backend.state.name);
  std::optional<jobs::JobStatus> next = jobs::Apply(old.get(), job_id, backend.state.name, sighting, now);
  if (!next && old) next = *old;
  if (next) {
    jobs::Foresee(backend.runs.OutlookOf(job_id, now), now, *next);
    Publish(old, std::move(*next), effects);
  }
  if (const Snapshot known = statuses_.Find(job_id, backend.state.name))
    waits_.Found(known, effects.answers, effects.unwanted);
}

// Makes `next` the newest status of its job, if it says anything new.
void Board::Publish(const Snapshot& old, jobs::JobStatus next, Effects& effects) {
  if (old && jobs::SaysTheSame(*old, next)) return;
  next.revision = ++revision_;
  const bool of_state = jobs::IsChangeOfState(old.get(), next);
  const auto published = std::make_shared<const jobs::JobStatus>(std::move(next));
  statuses_.Put(published);
  subscribers_.Notice(*published, of_state, effects.notices);
  if (!old && !unknown_.empty()) {
    unknown_.erase({published->job_id, ""});
    unknown_.erase({published->job_id, published->backend});
  }
}

void Board::On(Backend& backend, jobs::QueueObserved& queue, jobs::Time now, Effects& effects) {
  const auto& [running, pending] = queue.listing;
  backend.runs.See(queue.listing, backend.queue_time, now);
  std::set<std::string_view> seen;
  for (const jobs::QueueItem& item : running) {
    if (!jobs::IsUsableJobId(item.job_id) || !seen.insert(item.job_id).second) continue;
    Apply(item.job_id, backend, jobs::SeenRunning{item.create_time, item.number}, now, effects);
  }
  jobs::QueuePlace place{.position = 0, .size = static_cast<int>(pending.size())};
  for (const jobs::QueueItem& item : pending) {
    ++place.position;
    if (!jobs::IsUsableJobId(item.job_id) || !seen.insert(item.job_id).second) continue;
    Apply(item.job_id, backend, jobs::SeenQueued{place, item.create_time, item.number}, now, effects);
  }
  backend.queue_time = now;
  backend.state.running = static_cast<int>(running.size());
  backend.state.pending = place.size;
}

void Board::On(Backend& backend, jobs::HistoryObserved& history, jobs::Time now, Effects& effects) {
  backend.runs.Ended(history.job_id, history.entry, now);
  Apply(history.job_id, backend, jobs::SeenInHistory{history.entry}, now, effects);
}

// The queue says what runs; what is heard only tells how far it is.
void Board::On(Backend& backend, jobs::RunEventsHeard& heard, jobs::Time now, Effects& effects) {
  std::set<std::string> concerned;
  std::set<std::string> over;  // how it ended is seen in a moment, and then all are told once, not twice
  for (const jobs::RunEvent& event : heard.events) {
    const bool is_over = std::holds_alternative<jobs::RunEvent::Over>(event.what);
    if (auto job_id = backend.runs.Hear(event)) (is_over ? over : concerned).insert(std::move(*job_id));
  }
  for (const std::string& job_id : over) concerned.erase(job_id);
  for (const std::string& job_id : concerned) {
    const Snapshot old = statuses_.Find(job_id, backend.state.name);
    if (!old || old->state != jobs::JobState::kProcessing) continue;
    jobs::JobStatus next = *old;
    jobs::Foresee(backend.runs.OutlookOf(job_id, now), now, next);
    if (!next.stale) next.observe_time = std::max(next.observe_time, now);
    Publish(old, std::move(next), effects);
  }
}

void Board::On(Backend& backend, jobs::ListeningObserved& listening, jobs::Time, Effects&) {
  backend.state.live_progress = listening.live;
  backend.state.client_id = listening.live ? listening.client_id : "";
}

void Board::On(Backend& backend, jobs::AbsenceObserved& absence, jobs::Time now, Effects& effects) {
  absence.sighting.has_begun = backend.runs.HasBegun(absence.job_id);
  Apply(absence.job_id, backend, absence.sighting, now, effects);
}

void Board::On(Backend& backend, jobs::JobNotObserved& job, jobs::Time now, Effects& effects) {
  Apply(job.job_id, backend, jobs::NotSeen{backend.queue_time}, now, effects);
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
  backend.runs.BackendAway();
  const jobs::NotSeen not_seen{
      std::exchange(backend.queue_time, std::nullopt)};  // what begins from here on begins unseen
  for (const std::string& id : std::set(statuses_.Unfinished(backend.state.name))) {
    Apply(id, backend, not_seen, now, effects);
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
