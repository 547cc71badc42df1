#include "jobs/runs.h"

#include <set>
#include <string_view>
#include <utility>

#include "jobs/job_id.h"
#include "jobs/run_times.h"

namespace jobs {

void Foresee(const Outlook& outlook, Time now, JobStatus& status) {
  if (IsTerminal(status.state) || status.stale) return;
  status.estimate = Settle(status.estimate, outlook.estimate, now);
  if (status.state != JobState::kProcessing) return;
  if (outlook.progress) status.progress = outlook.progress;
  if (outlook.start_time) status.start_time = outlook.start_time;
}

Runs::Job& Runs::Track(const QueueItem& item) {
  Job& job = jobs_[item.job_id];
  if (!(job.number == item.number)) job = {.number = item.number};
  if (item.workflow && !job.workflow) {
    job.workflow = item.workflow;
    job.run.SetWorkflow(item.workflow);
  }
  if (item.submitter != Submitter::kUnknown) job.run.SetSubmitter(item.submitter);
  return job;
}

void Runs::See(const QueueListing& listing, std::optional<Time> since, Time now) {
  std::set<std::string_view> seen;
  std::vector<const RunState*> running;
  for (const QueueItem& item : listing.running) {
    if (!IsUsableJobId(item.job_id) || !seen.insert(item.job_id).second) continue;
    Job& job = Track(item);
    if (!std::exchange(job.running, true) && since) job.run.SetBegan(now);
    running.push_back(&job.run.state());
  }

  std::vector<Job*> waiting;
  std::vector<std::shared_ptr<const Workflow>> workflows;  // of every waiting job, those that are not followed too
  for (const QueueItem& item : listing.pending) {
    workflows.push_back(item.workflow);
    waiting.push_back(nullptr);
    if (!IsUsableJobId(item.job_id) || !seen.insert(item.job_id).second) continue;
    Job& job = Track(item);
    job.running = false;
    workflows.back() = job.workflow;
    waiting.back() = &job;
  }
  const auto ends = time_remaining_.EndsOfQueue(running, workflows, now);
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (waiting[i] != nullptr) waiting[i]->queued_end = ends[i];
  }

  std::erase_if(jobs_, [&](const auto& job) { return !seen.contains(job.first); });
}

// The one that runs, where no more than one does.
Runs::Job* Runs::Running() {
  Job* found = nullptr;
  for (auto& [id, job] : jobs_) {
    if (!job.running) continue;
    if (found != nullptr) return nullptr;
    found = &job;
  }
  return found;
}

std::optional<std::string> Runs::Hear(const RunEvent& event) {
  if (!event.job_id.empty()) {
    const auto job = jobs_.find(event.job_id);
    if (job == jobs_.end()) return std::nullopt;
    job->second.run.Hear(event);
    return job->first;
  }
  for (auto& [id, job] : jobs_) {
    if (&job != Running()) continue;
    job.run.Hear(event);
    return id;
  }
  return std::nullopt;
}

void Runs::Ended(const std::string& job_id, const HistoryEntry& entry, Time now) {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end() || !(found->second.number == entry.number)) return;
  Job& job = found->second;
  // ComfyUI's own two times are of one clock and exact; ours are late by as long as it took to notice.
  RunState run = job.run.state();
  Time end = now;
  if (entry.start_time && entry.end_time && *entry.end_time >= *entry.start_time) {
    if (!run.heard) run.began = *entry.start_time;
    if (!run.heard) end = *entry.end_time;
    if (run.heard && run.began) end = *run.began + (*entry.end_time - *entry.start_time);
  }
  time_remaining_.Ended(run, end, Judge(entry).state == JobState::kCompleted);
  jobs_.erase(found);
}

void Runs::BackendAway() {
  time_remaining_.Restarted();
}

Outlook Runs::OutlookOf(const std::string& job_id, Time now) {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end()) return {};
  Job& job = found->second;
  if (!job.running) return {.estimate = job.queued_end};
  return {.progress = job.run.progress(),
          .estimate = time_remaining_.EndOfRunning(job.run.state(), now),
          .start_time = job.run.start_time()};
}

}  // namespace jobs
