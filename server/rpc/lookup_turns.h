#pragma once

#include <memory>

#include "board/board.h"
#include "rpc/loop.h"

namespace rpc {

// Has the look-ups of watches that wait for their turn made when it has come.
class LookupTurns final : public Loop::Timed, public std::enable_shared_from_this<LookupTurns> {
 public:
  // Both must outlive what happens on the loop.
  LookupTurns(board::Board& board, Loop& loop) : board_(board), loop_(loop), inbox_(loop.inbox()) {}

  // A look-up was recalled, and may have to wait. By any thread, also when the loop is gone.
  void LookSoon();

  void OnTick(jobs::Steady now) override;

 private:
  board::Board& board_;
  Loop& loop_;
  const std::shared_ptr<Loop::Inbox> inbox_;
};

}  // namespace rpc
