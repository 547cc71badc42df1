#include "board/board.h"

#include <algorithm>
#include <utility>

#include "jobs/job_id.h"
#include "jobs/transitions.h"

namespace board {

Board::Board(const std::vector<jobs::BackendName>& backends, Limits limits, std::uint64_t first_revision, Past past)
    : limits_(limits),
      archive_(past.archive),
      former_backends_(past.former_backends.begin(), past.former_backends.end()),
      revision_(first_revision),
      statuses_(past.newest_verdict),
      waits_(limits.max_lookups_per_second) {
  for (const jobs::BackendName& config : backends) {
    backend_index_.emplace(config.name, backends_.size());
    Backend& backend = backends_.emplace_back();
    backend.state.name = config.name;
    backend.state.url = config.url;
    tally_.Enter(config.name);
  }
  for (jobs::JobStatus& status : past.unfinished) {
    status.stale = true;
    status.revision = ++revision_;
    statuses_.Put(std::make_shared<const jobs::JobStatus>(std::move(status)));
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
    tally_.Begin(now);
    std::visit([&](auto& seen) { On(Named(backend), seen, now, effects); }, observation);
    if (outbox_.waiting_since() < now - limits_.archive_patience) {
      effects.out_of_patience = true;
      TellWithoutArchive(effects);
    }
    Evict(now - limits_.keep_finished);
    subscribers_.NoticeOfAll(effects.notices);
    StopLooking(effects.unwanted);
  }
  Carry(effects);
}

void Board::Evict(jobs::Time ended_before) {
  // What is owed may be much, and stays: counted in, all of it would be walked past each time.
  const Statuses::Room room{.jobs = limits_.max_finished_jobs + outbox_.owed(),
                            .bytes_per_backend = limits_.max_backend_memory};
  statuses_.Evict(ended_before, room, [&](const jobs::JobStatus& status) {
    return subscribers_.Names(status.job_id) || outbox_.Has(status.job_id, status.backend);
  });
}

void Board::Carry(Effects& effects) {
  if (effects.unwritten) archive_->Wake();
  if (effects.out_of_patience) archive_->OutOfPatience();
  for (Answer& answer : effects.answers) answer.Tell();
  for (const auto& [watcher, of_state] : effects.notices.of_jobs) watcher->OnChange(of_state);
  for (const auto& [watcher, of_state] : effects.notices.of_all) watcher->OnChange(of_state);
  for (const auto& watcher : effects.reachability) watcher->OnReachability();
}

// What is known of a job, told or not.
Snapshot Board::Newest(const std::string& job_id, const std::string& backend) const {
  if (const jobs::JobStatus* const waiting = outbox_.Waiting(job_id, backend))
    return std::make_shared<const jobs::JobStatus>(*waiting);
  return statuses_.Find(job_id, backend);
}

void Board::Apply(const std::string& job_id, Backend& backend, const jobs::Sighting& sighting, jobs::Time now,
                  Effects& effects) {
  const Snapshot old = Newest(job_id, backend.state.name);
  std::optional<jobs::JobStatus> next = jobs::Apply(old.get(), job_id, backend.state.name, sighting, now);
  if (!next && old) next = *old;
  if (next) {
    jobs::Foresee(backend.runs.OutlookOf(job_id, now), now, *next);
    Publish(old, std::move(*next), now, effects);
  }
  if (const Snapshot known = statuses_.Find(job_id, backend.state.name))
    waits_.Found(known, effects.answers, effects.unwanted);
}

// Makes `next` the newest status of its job, if it says anything new; a change of state once it is on the disk.
void Board::Publish(const Snapshot& old, jobs::JobStatus next, jobs::Time now, Effects& effects) {
  if (old && jobs::SaysTheSame(*old, next)) return;
  const bool of_state = !old || old->state != next.state;
  const bool waits = outbox_.Waiting(next.job_id, next.backend) != nullptr;
  if (archive_ == nullptr || (!of_state && !waits)) {
    Tell(std::move(next), revision_ + 1, effects);
  } else if (archive_away_) {
    outbox_.Owe(*Tell(std::move(next), revision_ + 1, effects));
    effects.unwritten = true;
  } else {
    outbox_.Hold(std::move(next), of_state, now);
    effects.unwritten = effects.unwritten || of_state;
  }
}

// From here on everybody may know.
Snapshot Board::Tell(jobs::JobStatus next, std::uint64_t revision, Effects& effects) {
  const Snapshot told = statuses_.Find(next.job_id, next.backend);
  next.revision = revision_ = revision;
  const bool of_state = jobs::IsChangeOfState(told.get(), next);
  const auto published = std::make_shared<const jobs::JobStatus>(std::move(next));
  statuses_.Put(published);
  subscribers_.Notice(*published, told ? told->revision : 0, of_state, effects.notices);
  tally_.Told(told.get(), *published);
  if (!told && !unknown_.empty()) {
    unknown_.erase({published->job_id, ""});
    unknown_.erase({published->job_id, published->backend});
  }
  waits_.Found(published, effects.answers, effects.unwanted);
  return published;
}

// ---- the archive
// -----------------------------------------------------------------------------------------------------------

jobs::UnwrittenBatch Board::TakeUnwritten(std::size_t limit) {
  const std::lock_guard lock(mutex_);
  jobs::UnwrittenBatch batch{.statuses = outbox_.Take(limit, revision_ + kRevisionRoom), .revision = revision_};
  for (const jobs::Unwritten& unwritten : batch.statuses)
    batch.revision = std::max(batch.revision, unwritten.status->revision);
  return batch;
}

void Board::OnWritten(const jobs::Written& written) {
  Effects effects;
  {
    const std::lock_guard lock(mutex_);
    archive_away_ = !written.ok;
    if (written.ok) {
      for (const Snapshot& verdict : written.ended_before) {
        outbox_.HasEnded(verdict->job_id, verdict->backend);
        Recall(verdict);
        subscribers_.Notice(*verdict, 0, true, effects.notices);
        waits_.Found(verdict, effects.answers, effects.unwanted);
      }
      const std::size_t owed = outbox_.owed();
      std::vector<jobs::JobStatus> to_be_told = outbox_.Written(revision_);
      if (outbox_.owed() < owed) ++catching_up_;
      for (jobs::JobStatus& status : to_be_told) {
        const std::uint64_t revision = status.revision > 0 ? status.revision : revision_ + 1;
        Tell(std::move(status), revision, effects);
      }
    } else {
      outbox_.NotWritten();
      TellWithoutArchive(effects);
    }
    subscribers_.NoticeOfAll(effects.notices);
    StopLooking(effects.unwanted);
  }
  Carry(effects);
}

std::vector<Snapshot> Board::TakeProgress() {
  const std::lock_guard lock(mutex_);
  std::vector<Snapshot> progress;
  for (Snapshot& status : statuses_.ChangedSince(std::exchange(progress_taken_, revision_))) {
    if (status->state == jobs::JobState::kProcessing && status->progress && !status->stale)
      progress.push_back(std::move(status));
  }
  return progress;
}

void Board::TellWithoutArchive(Effects& effects) {
  archive_away_ = true;
  for (jobs::JobStatus& status : outbox_.AllWaiting()) {
    outbox_.Owe(*Tell(std::move(status), revision_ + 1, effects));
  }
}

// Takes what was archived into memory, unless what is newest is there.
void Board::Recall(const Snapshot& archived) {
  if (!statuses_.Find(archived->job_id, archived->backend) && IsNewestTold(*archived)) statuses_.Put(archived);
}

// What is in memory is. What is not may be so new that it is on the disk and yet to be told.
bool Board::IsNewestTold(const jobs::JobStatus& archived) const {
  const Snapshot known = statuses_.Find(archived.job_id, archived.backend);
  return known ? known->revision == archived.revision : archived.revision <= revision_;
}

// ---- what each observation means
// -------------------------------------------------------------------------------------------

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
    const Snapshot old = Newest(job_id, backend.state.name);
    if (!old || old->state != jobs::JobState::kProcessing) continue;
    jobs::JobStatus next = *old;
    jobs::Foresee(backend.runs.OutlookOf(job_id, now), now, next);
    if (!next.stale) next.observe_time = std::max(next.observe_time, now);
    Publish(old, std::move(next), now, effects);
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

void Board::On(Backend& backend, jobs::BackendAnswered& answered, jobs::Time now, Effects& effects) {
  SetReachable(backend, true, effects);
  backend.state.last_error.clear();
  backend.state.observe_time = now;
  backend.state.comfyui_version = answered.comfyui_version;
}

void Board::On(Backend& backend, jobs::BackendFailed& failed, jobs::Time now, Effects& effects) {
  SetReachable(backend, false, effects);
  backend.state.last_error = failed.error.detail;
  backend.runs.BackendAway();
  const jobs::NotSeen not_seen{
      std::exchange(backend.queue_time, std::nullopt)};  // what begins from here on begins unseen
  std::set<std::string> ids = statuses_.Unfinished(backend.state.name);
  for (std::string& id : outbox_.WaitingOf(backend.state.name)) ids.insert(std::move(id));
  for (const std::string& id : ids) Apply(id, backend, not_seen, now, effects);
}

void Board::SetReachable(Backend& backend, bool reachable, Effects& effects) const {
  if (std::exchange(backend.state.reachable, reachable) == reachable) return;
  for (const auto& [id, watcher] : reachability_watchers_) effects.reachability.push_back(watcher);
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
  return backend_index_.contains(name) || former_backends_.contains(name);
}

std::vector<BackendState> Board::Backends() const {
  const std::lock_guard lock(mutex_);
  std::vector<BackendState> states;
  for (const Backend& backend : backends_) {
    states.push_back(backend.state);
    states.back().finished_bytes = statuses_.FinishedBytes(backend.state.name);
  }
  return states;
}

std::optional<bool> Board::IsReachable(const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  const auto found = backend_index_.find(backend);
  if (found == backend_index_.end()) return std::nullopt;
  return backends_[found->second].state.reachable;
}

Board::Sighted Board::See(Snapshot snapshot) const {
  if (!snapshot) return {};
  Sighted sighted{snapshot, snapshot->observe_time};
  if (snapshot->stale || jobs::IsTerminal(snapshot->state)) return sighted;
  const auto& queue_time = backends_[backend_index_.at(snapshot->backend)].queue_time;  // configured, as it isn't stale
  if (queue_time) sighted.observe_time = std::max(sighted.observe_time, *queue_time);
  return sighted;
}

Board::Sighted Board::Find(const std::string& job_id, const std::string& backend) const {
  const std::lock_guard lock(mutex_);
  return See(statuses_.Find(job_id, backend));
}

void Board::List(const ListQuery& query, std::function<void(Listed)> done) const {
  std::vector<Sighted> list;
  // What is unfinished is all here.
  bool complete =
      archive_ == nullptr || (!query.states.empty() && std::ranges::none_of(query.states, jobs::IsTerminal));
  {
    const std::lock_guard lock(mutex_);
    for (Snapshot& snapshot : statuses_.List(query.backend, query.states, query.before, query.limit))
      list.push_back(See(std::move(snapshot)));
    complete = complete || (list.size() == query.limit && list.back().snapshot->revision > statuses_.forgotten());
  }
  if (complete) return done(std::move(list));
  ListArchived(query, query.before, std::move(list), std::move(done));
}

void Board::ListArchived(const ListQuery& query, std::uint64_t before, std::vector<Sighted> list,
                         std::function<void(Listed)> done) const {
  archive_->List({.backend = query.backend, .states = query.states, .before = before, .limit = query.limit},
                 [this, query, list = std::move(list), done = std::move(done)](const auto& archived) mutable {
                   if (!archived) return done(std::unexpected(archived.error()));
                   Merge(query, list, *archived);
                   // Some were left out, and a list that is short says that nothing comes after it.
                   if (list.size() < query.limit && archived->size() == query.limit)
                     return ListArchived(query, archived->back()->revision, std::move(list), std::move(done));
                   done(std::move(list));
                 });
}

void Board::Merge(const ListQuery& query, std::vector<Sighted>& list, const std::vector<Snapshot>& archived) const {
  std::set<std::pair<std::string_view, std::string_view>> listed;  // of a job that has changed since, as it was
  for (const Sighted& sighted : list) listed.emplace(sighted.snapshot->job_id, sighted.snapshot->backend);
  const std::lock_guard lock(mutex_);
  for (const Snapshot& status : archived) {
    if (!listed.contains({status->job_id, status->backend}) && IsNewestTold(*status)) list.push_back(See(status));
  }
  std::ranges::sort(list, std::greater(), [](const Sighted& sighted) { return sighted.snapshot->revision; });
  if (list.size() > query.limit) list.resize(query.limit);
}

bool Board::IsNewest(const jobs::JobStatus& archived) const {
  const std::lock_guard lock(mutex_);
  return IsNewestTold(archived);
}

Board::Counts Board::Read() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, Tally::Counts> tallies = tally_.Read();
  Counts counts{.revision = revision_, .subscriptions = subscribers_.size(), .conflated = subscribers_.conflated()};
  for (const Backend& backend : backends_) {
    const std::string& name = backend.state.name;
    counts.backends.push_back({backend.state, statuses_.CountOf(name), std::move(tallies[name])});
    counts.backends.back().state.finished_bytes = statuses_.FinishedBytes(name);
  }
  counts.unwritten = outbox_.unwritten();
  if (counts.unwritten > 0) counts.unwritten_since = outbox_.unwritten_since();
  return counts;
}

// ---- look-ups
// --------------------------------------------------------------------------------------------------------------

Board::Handle Board::LookUp(const std::string& job_id, const std::string& backend, jobs::Steady until, jobs::Steady now,
                            std::function<void(LookupResult)> done, std::function<void()> recalled, Caller caller) {
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
      Waits::Wait wait{
          .job_id = job_id, .backend = backend, .until = until, .caller = std::move(caller), .done = std::move(done)};
      for (const Backend& candidate : backends_) {
        if (candidate.source != nullptr && (backend.empty() || candidate.state.name == backend))
          wait.open.insert(candidate.state.name);
      }
      id = waits_.Add(std::move(wait));
    }
  }
  if (known) {
    done(std::move(*known));
    recalled();
    return {};
  }
  Handle handle(*this, id, &Board::EndWait);
  jobs::Archive::Done go_on = [this, id, job_id, now, recalled = std::move(recalled)](const auto& found) {
    OnRecalled(id, job_id, now, found);
    recalled();
  };
  if (archive_ == nullptr) {
    go_on({});  // nothing was ever archived
  } else {
    archive_->Find(job_id, std::move(go_on));
  }
  return handle;
}

// `asked_at`: it is what callers do that is counted, not when the archive is done with it.
void Board::OnRecalled(std::uint64_t id, const std::string& job_id, jobs::Steady asked_at,
                       const std::expected<std::vector<Snapshot>, jobs::ArchiveError>& found) {
  Effects effects;
  {
    const std::lock_guard lock(mutex_);
    if (found) {
      for (const Snapshot& snapshot : *found) Recall(snapshot);
    }
    const Waits::Wait* const wait = waits_.Get(id);
    if (wait == nullptr) {
      // It was given up.
    } else if (const Snapshot known = statuses_.Find(job_id, wait->backend)) {
      waits_.Found(known, effects.answers, effects.unwanted);
      StopLooking(effects.unwanted);
    } else {
      std::optional<NotAsked> unread;
      if (!found) {
        unread = {.backend = "",
                  .error = {.kind = jobs::BackendError::Kind::kUnreachable, .detail = found.error().detail}};
      }
      if (const auto question = waits_.Ask(id, unread, asked_at, effects.answers)) Look(*question);
    }
    Evict(jobs::Time::min());  // whoever reads the whole archive does not bring it into memory
  }
  Carry(effects);
}

void Board::EndWait(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  std::vector<Waits::Unwanted> unwanted;
  waits_.Cancel(id, unwanted);
  StopLooking(unwanted);
}

void Board::Look(const Waits::Question& question) {
  for (const std::string& backend : question.backends) Named(backend).source->LookFor(question.job_id, question.until);
}

jobs::Steady Board::TakeTurns(jobs::Steady now) {
  const std::lock_guard lock(mutex_);
  for (const Waits::Question& question : waits_.TakeTurns(now)) Look(question);
  return waits_.next_turn();
}

Board::Met Board::met() const {
  const std::lock_guard lock(mutex_);
  return {.lookups_refused = waits_.refused(),
          .lookups_delayed = waits_.lined(),
          .statuses_evicted = statuses_.evicted_for_bytes()};
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

Board::Handle Board::SubscribeToReachability(std::shared_ptr<ReachabilityWatcher> watcher) {
  const std::lock_guard lock(mutex_);
  reachability_watchers_.emplace(++last_reachability_id_, std::move(watcher));
  return Handle(*this, last_reachability_id_, &Board::EndReachability);
}

void Board::EndReachability(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  reachability_watchers_.erase(id);
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
  return {See(statuses_.NextAfter(filter, after)), revision_, statuses_.forgotten(), catching_up_};
}

}  // namespace board
