#include "comfy/witnesses.h"

#include <algorithm>
#include <utility>

namespace comfy {

void Witnesses::Learn(const std::string& job_id, jobs::QueueNumber number, const Mark& now) {
  Witness witness{.job_id = job_id, .number = number, .first = now, .last = now, .asked = now};
  if (const Witness* known = Find(job_id); known != nullptr && known->number == number) witness.first = known->first;
  std::erase_if(witnesses_,
                [&](const Witness& other) { return other.job_id == job_id || other.answer == Answer::kGone; });
  if (witnesses_.size() == kMost) witnesses_.pop_back();
  witnesses_.push_front(std::move(witness));
}

// One that is there speaks for the time since it was first seen there. One that is gone speaks for the time since it
// was last seen, unless one that has been there since shows that it alone was deleted.
std::optional<bool> Witnesses::SameSince(const Mark& since, const Mark& now) const {
  const auto there_since = [&](const Mark& mark) {
    return std::ranges::any_of(witnesses_, [&](const Witness& witness) {
      return witness.answer == Answer::kThere && witness.last.doubts() == now.doubts() &&
             witness.first.doubts() <= mark.doubts();
    });
  };
  if (there_since(since)) return true;
  const bool another = std::ranges::any_of(witnesses_, [&](const Witness& witness) {
    return witness.answer == Answer::kGone && witness.last.doubts() >= since.doubts() && !there_since(witness.last);
  });
  return another ? std::optional(false) : std::nullopt;
}

std::optional<std::string> Witnesses::NextToAsk(const Mark& since, const Mark& now) const {
  if (SameSince(since, now) == true) return std::nullopt;
  const auto next = std::ranges::find_if(witnesses_, [&](const Witness& witness) {
    return witness.answer != Answer::kGone && witness.asked.doubts() != now.doubts();
  });
  return next == witnesses_.end() ? std::nullopt : std::optional(next->job_id);
}

void Witnesses::Answered(const std::string& job_id, std::optional<jobs::QueueNumber> number, const Mark& now) {
  Witness* const witness = Find(job_id);
  if (witness == nullptr) return;
  const bool used_again = number && !(*number == witness->number);  // then its own entry may have been overwritten
  witness->answer = used_again ? Answer::kUnclear : number ? Answer::kThere : Answer::kGone;
  witness->asked = now;
  if (witness->answer == Answer::kThere) witness->last = now;
}

void Witnesses::NotAnswered(const std::string& job_id, const Mark& now) {
  Witness* const witness = Find(job_id);
  if (witness == nullptr) return;
  witness->answer = Answer::kUnclear;
  witness->asked = now;
}

Witnesses::Witness* Witnesses::Find(const std::string& job_id) {
  const auto found = std::ranges::find(witnesses_, job_id, &Witness::job_id);
  return found == witnesses_.end() ? nullptr : &*found;
}

}  // namespace comfy
