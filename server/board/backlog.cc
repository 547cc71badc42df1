#include "board/backlog.h"

#include <algorithm>
#include <utility>

namespace board {

void Backlog::Next(std::uint64_t after, Done done) {
  Board::Next next = board_.NextAfter(filter_, after);
  if (!begins_at_) begins_at_ = after == 0 ? next.forgotten : after;
  const bool none_archived = board_.archive() == nullptr || !filter_.job_ids.empty() || after >= next.forgotten;
  if (none_archived) return done(std::move(next));

  if (std::exchange(catching_up_, next.catching_up) != next.catching_up) {
    page_.clear();
    read_up_to_ = 0;
  }
  // What stands in the page may have been told, or have changed, since it was read.
  while (!page_.empty() && (page_.back()->revision <= after || !board_.IsNewest(*page_.back()))) page_.pop_back();
  read_up_to_ = std::max({read_up_to_, after, *begins_at_});
  const std::uint64_t first = page_.empty() ? read_up_to_ : page_.back()->revision;
  if (next.sighted.snapshot && next.sighted.snapshot->revision <= first) return done(std::move(next));
  if (!page_.empty()) {
    next.sighted = {page_.back(), page_.back()->observe_time};
    page_.pop_back();
    return done(std::move(next));
  }
  if (read_up_to_ >= next.forgotten) return done(std::move(next));

  const jobs::ArchiveQuery query{.backend = filter_.backend,
                                 .after = read_up_to_,
                                 .before = next.forgotten + 1,
                                 .newest_first = false,
                                 .limit = kPage};
  board_.archive()->List(query, [this, after, query, done = std::move(done)](auto archived) mutable {
    if (!archived) return done(std::unexpected(std::move(archived.error())));
    read_up_to_ = archived->size() < query.limit ? query.before - 1 : archived->back()->revision;
    page_.assign(archived->rbegin(), archived->rend());
    Next(after, std::move(done));
  });
}

}  // namespace board
