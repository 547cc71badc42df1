#include "app/logged_observations.h"

#include <spdlog/spdlog.h>

#include "jobs/text.h"

namespace app {
namespace {

std::string OneLine(std::string_view text) {
  return jobs::OneLine(text, 300);
}

template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

const char* Word(jobs::JobState state) {
  return state == jobs::JobState::kCompleted ? "completed"
         : state == jobs::JobState::kFailed  ? "failed"
                                             : "was interrupted";
}

}  // namespace

void LoggedObservations::Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) {
  {
    const std::lock_guard lock(mutex_);
    Log(std::string(backend), observation);
  }
  next_.Observe(backend, std::move(observation), now);
}

void LoggedObservations::Log(const std::string& backend, const jobs::Observation& observation) {
  Known& known = known_[backend];
  std::visit(Overloaded{
                 [&](const jobs::BackendAnswered& answered) {
                   if (known.reachable && known.version == answered.comfyui_version) return;
                   known.reachable = true;
                   known.error.clear();
                   known.version = answered.comfyui_version;
                   spdlog::info("backend {}: ComfyUI {} answers", backend,
                                known.version.empty() ? "(of an unknown version)" : known.version);
                 },
                 [&](const jobs::BackendFailed& failed) {
                   if (!known.reachable && known.error == failed.error.detail) return;
                   known.reachable = false;
                   known.error = failed.error.detail;
                   spdlog::warn("backend {}: {}; trying again", backend, OneLine(failed.error.detail));
                 },
                 [&](const jobs::HistoryObserved& history) {
                   spdlog::debug("backend {}: job {} {}", backend, OneLine(history.job_id),
                                 Word(jobs::Judge(history.entry).state));
                 },
                 [&](const jobs::AbsenceObserved& absence) {
                   spdlog::info("backend {}: job {} is in neither the queue nor the history any more", backend,
                                OneLine(absence.job_id));
                 },
                 [&](const jobs::JobNotObserved& job) {
                   spdlog::warn("backend {}: the history of job {} cannot be read; trying again", backend,
                                OneLine(job.job_id));
                 },
                 [&](const jobs::ListeningObserved& listening) {
                   if (known.live == listening.live && known.why_not_live == listening.why_not) return;
                   known.live = listening.live;
                   known.why_not_live = listening.why_not;
                   if (listening.live) {
                     spdlog::info(
                         "backend {}: live events are heard; jobs submitted with client_id {} tell their progress",
                         backend, listening.client_id);
                   } else {
                     spdlog::warn("backend {}: no live events: {}; trying again", backend, OneLine(listening.why_not));
                   }
                 },
                 [](const auto&) {},
             },
             observation);
}

}  // namespace app
