#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "board/board.h"
#include "jobs/history.h"
#include "jobs/observation.h"
#include "jobs/queue.h"
#include "jobs/time.h"
#include "jobs/workflow.h"

namespace bench {

// A UUID.
std::string RandomId(std::mt19937_64& random);

// A board in this process, told of so many jobs as the observers of ComfyUI servers tell it. Each server has a thousand
// jobs at most.
class CrowdedBoard {
 public:
  enum class Jobs { kUnfinished, kFinished };

  // Unfinished: of each server one runs and the others wait. Finished: for more there is no room.
  CrowdedBoard(Jobs jobs, std::size_t count, std::uint64_t seed = 20261125);

  board::Board& board() { return board_; }
  const board::Board& board() const { return board_; }
  const std::vector<std::string>& ids() const { return ids_; }

  // What the board and all that is on it took in memory at first, and the statuses themselves of that. The workflow,
  // which all jobs share, is not counted.
  std::size_t bytes() const { return bytes_; }
  std::size_t status_bytes() const { return status_bytes_; }

  static constexpr std::size_t kJobsOfServer = 1000;
  std::size_t servers() const { return (ids_.size() + kJobsOfServer - 1) / kJobsOfServer; }
  std::size_t JobsOf(std::size_t server) const;

  // What an observer tells of a server.
  struct Seen {
    std::size_t server;
    jobs::Observation observation;
  };
  // Unfinished: the running job has made a step.
  Seen Step(std::size_t server);
  // Unfinished: how the queue is. Nothing has happened, or every job that waits has moved.
  Seen Look(std::size_t server);
  Seen LookMoved(std::size_t server);
  // Finished: another job has ended.
  Seen End(std::size_t server);

  // Time of the processor that the board takes for one of them, on average.
  Micros Observe(std::vector<Seen> all);

 private:
  jobs::QueueListing Listing(std::size_t server, std::size_t rotated) const;
  jobs::Time Now() { return now_ += std::chrono::milliseconds(1); }

  std::mt19937_64 random_;
  std::vector<std::string> ids_;
  std::vector<std::string> names_;
  std::shared_ptr<const jobs::Workflow> workflow_;
  jobs::HistoryEntry entry_;
  jobs::Time now_{std::chrono::seconds(1'790'000'000)};
  double step_ = 0;
  std::size_t rotated_ = 0;
  std::size_t bytes_;
  std::size_t status_bytes_ = 0;
  board::Board board_;
};

// Time of the processor that this thread has taken. Other programs, which may run now and then in between, do not
// count.
Micros ThreadCpu();

// What the program has on the heap.
std::size_t HeapBytes();

}  // namespace bench
