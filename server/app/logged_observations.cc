#include "app/logged_observations.h"

#include <fmt/format.h>

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
    Note(std::string(backend), observation);
  }
  next_.Observe(backend, std::move(observation), now);
}

void LoggedObservations::Note(const std::string& backend, const jobs::Observation& observation) {
  using enum Log::Level;
  Known& known = known_[backend];
  // `sentence` is what happened to the backend.
  const auto write = [&](Log::Level level, const char* event, const std::string& sentence,
                         const std::string& job_id = "") {
    log_.WriteSparingly(level, event, fmt::format("backend {}: {}", backend, sentence),
                        {{"backend", backend}, {"job_id", job_id}});
  };
  std::visit(
      Overloaded{
          [&](const jobs::BackendAnswered& answered) {
            if (known.reachable && known.version == answered.comfyui_version) return;
            known.reachable = true;
            known.error.clear();
            known.version = answered.comfyui_version;
            write(kInfo, "backend_answers",
                  fmt::format("ComfyUI {} answers", known.version.empty() ? "(of an unknown version)" : known.version));
          },
          [&](const jobs::BackendFailed& failed) {
            if (!known.reachable && known.error == failed.error.detail) return;
            known.reachable = false;
            known.error = failed.error.detail;
            write(kWarn, "backend_failed", OneLine(failed.error.detail) + "; trying again");
          },
          [&](const jobs::HistoryObserved& history) {
            const std::string job = OneLine(history.job_id);
            write(kDebug, "job_ended", fmt::format("job {} {}", job, Word(jobs::Judge(history.entry).state)), job);
          },
          [&](const jobs::AbsenceObserved& absence) {
            const std::string job = OneLine(absence.job_id);
            write(kInfo, "job_gone", fmt::format("job {} is in neither the queue nor the history any more", job), job);
          },
          [&](const jobs::JobNotObserved& not_observed) {
            const std::string job = OneLine(not_observed.job_id);
            write(kWarn, "history_unreadable", fmt::format("the history of job {} cannot be read; trying again", job),
                  job);
          },
          [&](const jobs::ListeningObserved& listening) {
            if (known.live == listening.live && known.why_not_live == listening.why_not) return;
            known.live = listening.live;
            known.why_not_live = listening.why_not;
            if (listening.live) {
              write(kInfo, "events_heard",
                    fmt::format("live events are heard; jobs submitted with client_id {} tell their progress",
                                listening.client_id));
            } else {
              write(kWarn, "events_not_heard",
                    fmt::format("no live events: {}; trying again", OneLine(listening.why_not)));
            }
          },
          [](const auto&) {},
      },
      observation);
}

}  // namespace app
