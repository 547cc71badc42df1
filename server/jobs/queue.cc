#include "jobs/queue.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace jobs {

std::weak_ordering operator<=>(QueueNumber a, QueueNumber b) {
  const bool a_is_nan = std::isnan(a.value);
  const bool b_is_nan = std::isnan(b.value);
  if (a_is_nan || b_is_nan) return a_is_nan <=> b_is_nan;
  return a.value < b.value   ? std::weak_ordering::less
         : b.value < a.value ? std::weak_ordering::greater
                             : std::weak_ordering::equivalent;
}

void SortPending(std::vector<QueueItem>& pending) {
  std::sort(pending.begin(), pending.end(), [](const QueueItem& a, const QueueItem& b) {
    return a.number == b.number ? a.job_id < b.job_id : a.number < b.number;
  });
}

}  // namespace jobs
