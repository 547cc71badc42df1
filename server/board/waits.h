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
#include "jobs/backend_error.h"
#include "jobs/time.h"

namespace board {

// How a look-up ended.
struct NotFound {};  // every backend was asked
struct NotAsked {
  std::string backend;  // one that could not be asked; the others do not have the job. Empty: it was the archive
  jobs::BackendError error;
};
using LookupResult = std::variant<Snapshot, NotFound, NotAsked>;

// A look-up that has ended, to be told once the lock is released.
struct Answer {
  std::function<void(LookupResult)> done;
  LookupResult result;
  void Tell() { done(std::move(result)); }
};

// Who waits for a job that is not on the board, and for the word of which backends. Not thread-safe.
class Waits {
 public:
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
    std::function<void(LookupResult)> done;
  };

  std::uint64_t Add(Wait wait);

  // Null: it has ended.
  Wait* Get(std::uint64_t id);

  // Ends a wait without an answer.
  void Cancel(std::uint64_t id, std::vector<Unwanted>& unwanted);

  // The job has come onto the board.
  void Found(const Snapshot& snapshot, std::vector<Answer>& answers, std::vector<Unwanted>& unwanted);

  // The archive does not have the job. Returns the backends to be asked for it now, none if there is nobody to ask;
  // then the wait has ended.
  std::set<std::string> Ask(std::uint64_t id, const std::optional<NotAsked>& unread, std::vector<Answer>& answers);

  // `backend` does not have the job (no error), or could not be asked: the word for those who wait no longer than
  // `as_of`. Calls `unknown` for a wait that has ended with NotFound.
  void Missed(const std::string& backend, const std::string& job_id, jobs::Steady as_of,
              const jobs::BackendError* error, std::vector<Answer>& answers, std::vector<Unwanted>& unwanted,
              const std::function<void(const Wait&)>& unknown);

 private:
  static LookupResult Outcome(const Wait& wait);
  void Erase(std::uint64_t id);
  void Unwant(const std::string& backend, const std::string& job_id, std::vector<Unwanted>& unwanted) const;

  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Wait> waits_;
  std::unordered_map<std::string, std::set<std::uint64_t>> by_job_;
};

}  // namespace board
