#include "board/waits.h"

#include <algorithm>

namespace board {

std::uint64_t Waits::Add(Wait wait) {
  const std::uint64_t id = ++last_id_;
  by_job_[wait.job_id].insert(id);
  waits_.emplace(id, std::move(wait));
  return id;
}

Waits::Wait* Waits::Get(std::uint64_t id) {
  const auto found = waits_.find(id);
  return found == waits_.end() ? nullptr : &found->second;
}

// Whether the word it would ask for is on its way to others.
bool Waits::Joins(std::uint64_t id, const Wait& wait) const {
  return std::ranges::any_of(by_job_.at(wait.job_id), [&](std::uint64_t other) {
    const Wait& asked = waits_.at(other);
    return other != id && asked.asked && std::ranges::includes(asked.open, wait.open);
  });
}

Waits::Question Waits::Asked(Wait& wait) {
  wait.asked = true;
  return {.job_id = wait.job_id, .until = wait.until, .backends = wait.open};
}

std::optional<Waits::Question> Waits::Ask(std::uint64_t id, const std::optional<NotAsked>& unread, jobs::Steady now,
                                          std::vector<Answer>& answers) {
  Wait& wait = waits_.at(id);
  wait.not_asked = unread;
  if (wait.open.empty()) {
    answers.push_back({std::move(wait.done), Outcome(wait)});
    Erase(id);
    return std::nullopt;
  }
  if (Joins(id, wait) || turns_.Take(wait.caller.name, now)) return Asked(wait);
  if (wait.caller.patient) {
    ++lined_;
    turns_.Line(wait.caller.name, id);
  } else {
    ++refused_;
    answers.push_back({std::move(wait.done), TooManyLookups{turns_.Wait(wait.caller.name, now)}});
    Erase(id);
  }
  return std::nullopt;
}

std::vector<Waits::Question> Waits::TakeTurns(jobs::Steady now) {
  std::vector<Question> questions;
  for (const std::uint64_t id : turns_.Due(now)) questions.push_back(Asked(waits_.at(id)));
  return questions;
}

// Of a wait that every backend has answered.
LookupResult Waits::Outcome(const Wait& wait) {
  if (wait.not_asked) return *wait.not_asked;
  return NotFound{};
}

void Waits::Erase(std::uint64_t id) {
  const auto wait = waits_.find(id);
  turns_.Leave(wait->second.caller.name, id);
  const auto ids = by_job_.find(wait->second.job_id);
  if (ids->second.erase(id); ids->second.empty()) by_job_.erase(ids);
  waits_.erase(wait);
}

// Adds what nobody waits for, now that somebody's wait there has ended.
void Waits::Unwant(const std::string& backend, const std::string& job_id, std::vector<Unwanted>& unwanted) const {
  const auto ids = by_job_.find(job_id);
  const bool wanted = ids != by_job_.end() &&
                      std::ranges::any_of(ids->second, [&](auto id) { return waits_.at(id).open.contains(backend); });
  if (!wanted) unwanted.push_back({backend, job_id});
}

void Waits::Cancel(std::uint64_t id, std::vector<Unwanted>& unwanted) {
  const auto found = waits_.find(id);
  if (found == waits_.end()) return;
  const std::set<std::string> open = found->second.open;
  const std::string job_id = found->second.job_id;
  Erase(id);
  for (const std::string& backend : open) Unwant(backend, job_id, unwanted);
}

void Waits::Found(const Snapshot& snapshot, std::vector<Answer>& answers, std::vector<Unwanted>& unwanted) {
  const auto ids = by_job_.find(snapshot->job_id);
  if (ids == by_job_.end()) return;
  for (const std::uint64_t id : std::set(ids->second)) {
    Wait& wait = waits_.at(id);
    if (!wait.backend.empty() && wait.backend != snapshot->backend) continue;
    answers.push_back({std::move(wait.done), snapshot});
    Cancel(id, unwanted);
  }
}

void Waits::Missed(const std::string& backend, const std::string& job_id, jobs::Steady as_of,
                   const jobs::BackendError* error, std::vector<Answer>& answers, std::vector<Unwanted>& unwanted,
                   const std::function<void(const Wait&)>& unknown) {
  const auto ids = by_job_.find(job_id);
  if (ids == by_job_.end()) return;
  for (const std::uint64_t id : std::set(ids->second)) {
    Wait& wait = waits_.at(id);
    if (!wait.asked || wait.until > as_of || wait.open.erase(backend) == 0) continue;
    if (error != nullptr) wait.not_asked = NotAsked{backend, *error};
    if (!wait.open.empty()) continue;
    if (!wait.not_asked) unknown(wait);
    answers.push_back({std::move(wait.done), Outcome(wait)});
    Erase(id);
  }
  Unwant(backend, job_id, unwanted);
}

}  // namespace board
