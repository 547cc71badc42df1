#include "jobs/transitions.h"

#include <algorithm>
#include <cassert>

namespace jobs {
namespace {

// The invariants of JobStatus, in one place.
[[maybe_unused]] bool IsSound(const JobStatus& status) {
  const bool error_due =
      status.state == JobState::kFailed || status.state == JobState::kCancelled || status.state == JobState::kLost;
  return status.queue.has_value() == (status.state == JobState::kQueued) && status.error.has_value() == error_due &&
         !(status.stale && IsTerminal(status.state)) &&
         !(IsTerminal(status.state) && status.progress && status.progress->current_node);
}

// A status in an unfinished state: what belonged to the state before is gone.
JobStatus Unfinished(const JobStatus& old, JobState state, const std::optional<Time>& create_time, QueueNumber number) {
  const bool goes_on = old.state == state && old.number == number;
  JobStatus next = old;
  next.state = state;
  next.number = number;
  next.queue.reset();
  next.stale = false;
  if (create_time) next.create_time = create_time;
  if (!goes_on) {
    next.progress.reset();
    next.estimate.reset();
  }
  if (IsTerminal(old.state)) {  // LOST, and alive again
    next.error.reset();
    next.start_time.reset();
    next.end_time.reset();
  }
  return next;
}

JobStatus Ended(const JobStatus& old, JobState state, std::optional<JobError> error) {
  JobStatus next = old;
  next.state = state;
  next.error = std::move(error);
  next.queue.reset();
  next.estimate.reset();
  next.stale = false;
  if (next.progress) next.progress->current_node.reset();
  return next;
}

JobStatus WithVerdict(const JobStatus& old, const HistoryEntry& entry) {
  Verdict verdict = Judge(entry);
  JobStatus next = Ended(old, verdict.state, std::move(verdict.error));
  next.number = entry.number;
  next.verdict_recorded = verdict.recorded;
  next.outputs = entry.outputs;
  next.outputs_left_out = entry.outputs_left_out;
  if (entry.create_time) next.create_time = entry.create_time;
  next.start_time = entry.start_time;
  next.end_time = entry.end_time;
  if (next.state == JobState::kCompleted) {
    Progress progress = next.progress.value_or(Progress{});
    if (!next.progress) progress.cached_nodes = entry.cached_nodes.value_or(0);
    progress.percentage = 100;
    progress.completed_nodes = progress.total_nodes;
    next.progress = progress;
  }
  return next;
}

JobStatus Gone(const JobStatus& old, const SeenNowhere& sighting) {
  JobError error;
  if (sighting.backend_restarted) {
    error = {.reason = ErrorReason::kBackendRestarted, .message = "ComfyUI restarted and forgot the job"};
  } else if (old.state == JobState::kQueued && sighting.watched_without_gap && !sighting.has_begun) {
    error = {.reason = ErrorReason::kRemovedFromQueue, .message = "removed from the queue before it ran"};
    return Ended(old, JobState::kCancelled, std::move(error));
  } else {
    error = {.reason = ErrorReason::kVanished,
             .message = "ComfyUI no longer knows the job: not in its queue, not in its history"};
  }
  return Ended(old, JobState::kLost, std::move(error));
}

std::optional<JobStatus> Next(const JobStatus* known, const JobStatus& old, const Sighting& sighting) {
  if (known != nullptr && IsTerminal(old.state) && old.state != JobState::kLost) return std::nullopt;
  if (const auto* queued = std::get_if<SeenQueued>(&sighting)) {
    JobStatus next = Unfinished(old, JobState::kQueued, queued->create_time, queued->number);
    next.queue = queued->place;
    return next;
  }
  if (const auto* running = std::get_if<SeenRunning>(&sighting)) {
    return Unfinished(old, JobState::kProcessing, running->create_time, running->number);
  }
  if (const auto* history = std::get_if<SeenInHistory>(&sighting)) return WithVerdict(old, history->entry);
  if (known == nullptr || IsTerminal(old.state)) return std::nullopt;
  if (const auto* nowhere = std::get_if<SeenNowhere>(&sighting)) return Gone(old, *nowhere);
  const auto& last_seen = std::get<NotSeen>(sighting).last_seen;
  JobStatus next = old;
  if (last_seen && !old.stale) next.observe_time = std::max(old.observe_time, *last_seen);
  next.stale = true;
  return next;
}

}  // namespace

std::optional<JobStatus> Apply(const JobStatus* old, std::string_view job_id, std::string_view backend,
                               const Sighting& sighting, Time now) {
  JobStatus unknown;
  unknown.job_id = job_id;
  unknown.backend = backend;
  std::optional<JobStatus> next = Next(old, old != nullptr ? *old : unknown, sighting);
  if (!next) return std::nullopt;
  if (old != nullptr && SaysTheSame(*old, *next)) return std::nullopt;
  if (!std::holds_alternative<NotSeen>(sighting)) next->observe_time = now;
  assert(IsSound(*next));
  return next;
}

bool IsChangeOfState(const JobStatus* old, const JobStatus& next) {
  return old == nullptr || old->state != next.state || old->stale != next.stale;
}

bool SaysTheSame(const JobStatus& a, const JobStatus& b) {
  JobStatus like_a = b;
  like_a.revision = a.revision;
  like_a.observe_time = a.observe_time;
  return like_a == a;
}

}  // namespace jobs
