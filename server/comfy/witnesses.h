#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "comfy/continuity.h"
#include "jobs/queue_number.h"

namespace comfy {

// Jobs that the history is known to have. A restart empties the history, so where one of them still is, ComfyUI is the
// same process as when it was first seen there, whatever else hints at a restart; and where none is, it is another.
// (Somebody may have cleared the history, too: then a restart is named that was none, for a job that is lost either
// way.) `now` is the point in the watch at which something was learned, or is asked. Pure.
class Witnesses {
 public:
  using Mark = Continuity::Mark;

  // The history has the job.
  void Learn(const std::string& job_id, jobs::QueueNumber number, const Mark& now);

  // Whether the process is the same as at `since`; nothing where that is not known.
  std::optional<bool> SameSince(const Mark& since, const Mark& now) const;

  // Whom to ask the history for to know it, newest first; nothing where nobody can add to it.
  std::optional<std::string> NextToAsk(const Mark& since, const Mark& now) const;

  // The history was asked for a witness: the number it has the job under; nothing where it does not have it.
  void Answered(const std::string& job_id, std::optional<jobs::QueueNumber> number, const Mark& now);
  // Or could not be read.
  void NotAnswered(const std::string& job_id, const Mark& now);

  static constexpr std::size_t kMost = 3;

 private:
  enum class Answer { kThere, kGone, kUnclear };
  struct Witness {
    std::string job_id;
    jobs::QueueNumber number;
    Mark first;  // when the history was first and last seen to have it
    Mark last;
    Mark asked;  // when it gave its last answer, which holds until there is doubt; who is gone does not come back
    Answer answer = Answer::kThere;
  };

  Witness* Find(const std::string& job_id);

  std::deque<Witness> witnesses_;  // newest first
};

}  // namespace comfy
