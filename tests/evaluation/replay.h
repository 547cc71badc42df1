#pragma once

#include <optional>
#include <string>
#include <vector>

#include "evaluation/played_job.h"

namespace evaluation {

// One moment at which the end of a job was asked for; ours is what was published then. Times in seconds from that
// moment.
struct Asked {
  std::string situation;  // "queued, 2nd to 5th"
  bool unseen = false;    // no job of its family had ended before
  double truth = 0;
  std::optional<double> ours;
  double earliest = 0;  // of ours
  double latest = 0;
  std::optional<double> naive;
};

// How often what a caller saw went back and forth by more than a tenth of the time left.
struct Steadiness {
  int jobs = 0;
  struct Seen {
    int changes = 0;  // published
    int turns = 0;    // of direction
  };
  Seen waiting;  // ours
  Seen running;
  Seen naive;  // while running, published by the same rule

  Steadiness& operator+=(const Steadiness& other);
};

struct Replayed {
  std::vector<Asked> asked;
  Steadiness steadiness;
};

// Plays `jobs` (in the order in which they ran, one at a time) to a TimeRemaining that knows nothing at first, and asks
// it as the service does. `poll`: how often a look is taken. Moments with less than `shortest` to go do not count:
// nobody waits for so little.
Replayed Replay(const std::vector<PlayedJob>& jobs, double poll, double shortest = 0.25);

}  // namespace evaluation
