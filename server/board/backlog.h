#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <vector>

#include "board/board.h"

namespace board {

// What one watch has still to be told, oldest first: from the board and, where that has forgotten it, from the archive.
// Not thread-safe: one Next at a time.
class Backlog {
 public:
  // Both must outlive it.
  Backlog(const Board& board, const Filter& filter) : board_(board), filter_(filter) {}

  // As Board::NextAfter, over both; but who begins at 0 is not told what the board has forgotten already: whoever wants
  // to know how things are does not mean a month of history. `done` is called once, maybe at once; this must live until
  // then.
  using Done = std::function<void(std::expected<Board::Next, jobs::ArchiveError>)>;
  void Next(std::uint64_t after, Done done);

  // How many archived statuses are held at once.
  static constexpr std::size_t kPage = 64;

 private:
  const Board& board_;
  const Filter& filter_;
  std::optional<std::uint64_t> begins_at_;
  std::vector<Snapshot> page_;     // of the archive, oldest last
  std::uint64_t read_up_to_ = 0;   // what the archive has up to this revision was read
  std::uint64_t catching_up_ = 0;  // as it was then
};

}  // namespace board
