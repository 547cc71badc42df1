#include "jobs/runs.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "jobs/estimate.h"
#include "jobs/job_id.h"

namespace jobs {

namespace {

// `next`, but not behind what was told of this run already: by an earlier life of the service, which heard more of it.
Progress Further(const std::optional<Progress>& told, Progress next) {
  if (!told) return next;
  next.percentage = std::max(next.percentage, told->percentage);
  next.completed_nodes =
      std::clamp(told->completed_nodes, next.completed_nodes, std::max(next.completed_nodes, next.total_nodes));
  return next;
}

}  // namespace

void Foresee(const Outlook& outlook, Time now, JobStatus& status) {
  if (IsTerminal(status.state) || status.stale) return;
  status.estimate = Settle(status.estimate, outlook.estimate, now);
  if (status.state != JobState::kProcessing) return;
  if (outlook.progress) status.progress = Further(status.progress, *outlook.progress);
  if (outlook.start_time) status.start_time = outlook.start_time;
}

Runs::Job& Runs::Track(const QueueItem& item) {
  const auto [found, added] = jobs_.try_emplace(item.job_id);
  Job& job = found->second;
  if (added || !(job.number == item.number)) {
    job = {.number = item.number};
    const auto early = std::ranges::find(early_, item.job_id, &std::pair<std::string, Run>::first);
    if (early != early_.end()) {
      job.run = std::make_unique<Run>(std::move(early->second));
      early_.erase(early);
    }
  }
  if (!job.workflow) job.workflow = item.workflow;
  if (item.submitter != Submitter::kUnknown) job.submitter = item.submitter;
  if (job.run) {
    job.run->SetWorkflow(job.workflow);
    job.run->SetSubmitter(job.submitter);
  }
  return job;
}

Run& Runs::RunOf(Job& job) {
  if (!job.run) {
    job.run = std::make_unique<Run>();
    job.run->SetWorkflow(job.workflow);
    job.run->SetSubmitter(job.submitter);
  }
  return *job.run;
}

void Runs::See(const QueueListing& listing, std::optional<Time> since, Time now) {
  std::set<std::string_view> seen;
  std::vector<const RunState*> running;
  for (const QueueItem& item : listing.running) {
    if (!IsUsableJobId(item.job_id) || !seen.insert(item.job_id).second) continue;
    Job& job = Track(item);
    Run& run = RunOf(job);
    if (!std::exchange(job.running, true) && since) run.SetBegan(now);
    running.push_back(&run.state());
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

Run& Runs::Early(const std::string& job_id) {
  const auto known = std::ranges::find(early_, job_id, &std::pair<std::string, Run>::first);
  if (known != early_.end()) return known->second;
  if (early_.size() == kMaxEarly) early_.pop_front();
  return early_.emplace_back(job_id, Run()).second;
}

// The one that runs, where no more than one does.
std::unordered_map<std::string, Runs::Job>::iterator Runs::Running() {
  const auto runs = [](const auto& job) { return job.second.running; };
  const auto found = std::ranges::find_if(jobs_, runs);
  const bool one = found != jobs_.end() && std::find_if(std::next(found), jobs_.end(), runs) == jobs_.end();
  return one ? found : jobs_.end();
}

std::optional<std::string> Runs::Hear(const RunEvent& event) {
  if (!event.job_id.empty()) {
    const auto job = jobs_.find(event.job_id);
    if (job == jobs_.end()) {
      Early(event.job_id).Hear(event);
      return std::nullopt;
    }
    RunOf(job->second).Hear(event);
    return job->first;
  }
  const auto running = Running();
  if (running == jobs_.end()) return std::nullopt;
  RunOf(running->second).Hear(event);
  return running->first;
}

void Runs::Ended(const std::string& job_id, const HistoryEntry& entry, Time now) {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end() || !(found->second.number == entry.number)) return;
  Job& job = found->second;
  // ComfyUI's own two times are of one clock and exact; ours are late by as long as it took to notice.
  RunState run = RunOf(job).state();
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

bool Runs::HasBegun(const std::string& job_id) const {
  const auto job = jobs_.find(job_id);
  if (job != jobs_.end()) return job->second.run && job->second.run->begun();
  const auto early = std::ranges::find(early_, job_id, &std::pair<std::string, Run>::first);
  return early != early_.end() && early->second.begun();
}

Outlook Runs::OutlookOf(const std::string& job_id, Time now) {
  const auto found = jobs_.find(job_id);
  if (found == jobs_.end()) return {};
  Job& job = found->second;
  if (!job.running) return {.estimate = job.queued_end};
  const Run& run = RunOf(job);
  return {.progress = run.progress(),
          .estimate = time_remaining_.EndOfRunning(run.state(), now),
          .start_time = run.start_time()};
}

}  // namespace jobs
