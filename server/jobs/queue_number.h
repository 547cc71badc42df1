#pragma once

#include <compare>

namespace jobs {

// ComfyUI's `number` of a queue item (`priority` in /api/jobs): lower runs first. It may be negative, fractional,
// infinite or NaN. Which run of a re-used prompt_id is meant is told by the number.
struct QueueNumber {
  double value = 0;
  // ComfyUI counted it itself: 0, 1, 2 … since its process began, each given once. One that a client gave is written as
  // a float, were it 2.0. Says where the number comes from, and nothing about which it is.
  bool counted = false;
  // A total order, as sorting needs: NaN after everything, equal to itself.
  friend std::weak_ordering operator<=>(QueueNumber a, QueueNumber b);
  friend bool operator==(QueueNumber a, QueueNumber b) { return (a <=> b) == 0; }
};

}  // namespace jobs
