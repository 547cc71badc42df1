#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "board/statuses.h"
#include "board/turns.h"
#include "jobs/backend_error.h"
#include "jobs/time.h"

namespace board {

// How a look-up ended.
struct NotFound {};  // every backend was asked
struct NotAsked {
  std::string backend;  // one that could not be asked; the others do not have the job. Empty: it was the archive
  jobs::BackendError error;
};
struct TooManyLookups {  // of this caller; no backend was asked
  jobs::Duration retry_after;
};
using LookupResult = std::variant<Snapshot, NotFound, NotAsked, TooManyLookups>;

// Who wants a look-up. Each caller may cause so many a second.
struct Caller {
  std::string name;      // the same for all who share those
  bool patient = false;  // rather waits for its turn than be refused
};

// A look-up that has ended, to be told once the lock is released.
struct Answer {
  std::function<void(LookupResult)> done;
  LookupResult result;
  void Tell() { done(std::move(result)); }
};

// Who waits for a job that is not on the board, and for the word of which backends. Not thread-safe.
class Waits {
 public:
  explicit Waits(std::size_t lookups_per_second) : turns_(lookups_per_second) {}

  // A job that nobody waits for any more at a backend where it may still be looked for.
  struct Unwanted {
    std::string backend;
    std::string job_id;
  };

  struct Wait {
    std::string job_id;
    std::string backend;  // asked for; empty: any
    jobs::Steady until;
    std::set<std::string> open;  // backends that have not answered
    bool asked = false;          // that they were asked; before that nobody's word is meant for it
    std::optional<NotAsked> not_asked;
    Caller caller;
    std::function<void(LookupResult)> done;
  };

  // What is to be asked.
  struct Question {
    std::string job_id;
    jobs::Steady until;
    std::set<std::string> backends;
  };

  std::uint64_t Add(Wait wait);

  // Null: it has ended.
  Wait* Get(std::uint64_t id);

  // Ends a wait without an answer.
  void Cancel(std::uint64_t id, std::vector<Unwanted>& unwanted);

  // The job has come onto the board.
  void Found(const Snapshot& snapshot, std::vector<Answer>& answers, std::vector<Unwanted>& unwanted);

  // The archive does not have the job. What is to be asked now: nothing when there is nobody to ask, or the caller has
  // no turn left; then the wait has ended, or stands in line. Whoever joins those who wait for the same word needs no
  // turn.
  std::optional<Question> Ask(std::uint64_t id, const std::optional<NotAsked>& unread, jobs::Steady now,
                              std::vector<Answer>& answers);

  // What is to be asked for those in line whose turn has come.
  std::vector<Question> TakeTurns(jobs::Steady now);
  jobs::Steady next_turn() const { return turns_.next(); }  // max(): nobody stands in line

  std::uint64_t refused() const { return refused_; }  // look-ups, as the caller had no turn left
  std::uint64_t lined() const { return lined_; }      // look-ups that had to stand in line

  // `backend` does not have the job (no error), or could not be asked: the word for those who wait no longer than
  // `as_of`. Calls `unknown` for a wait that has ended with NotFound.
  void Missed(const std::string& backend, const std::string& job_id, jobs::Steady as_of,
              const jobs::BackendError* error, std::vector<Answer>& answers, std::vector<Unwanted>& unwanted,
              const std::function<void(const Wait&)>& unknown);

 private:
  static LookupResult Outcome(const Wait& wait);
  bool Joins(std::uint64_t id, const Wait& wait) const;
  Question Asked(Wait& wait);
  void Erase(std::uint64_t id);
  void Unwant(const std::string& backend, const std::string& job_id, std::vector<Unwanted>& unwanted) const;

  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Wait> waits_;
  std::unordered_map<std::string, std::set<std::uint64_t>> by_job_;
  Turns turns_;
  std::uint64_t refused_ = 0;
  std::uint64_t lined_ = 0;
};

}  // namespace board
