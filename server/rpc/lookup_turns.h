#pragma once

#include <memory>

#include "board/board.h"
#include "rpc/ticker.h"

namespace rpc {

// Has the look-ups of watches that wait for their turn made when it has come.
class LookupTurns final : public Ticked, public std::enable_shared_from_this<LookupTurns> {
 public:
  LookupTurns(board::Board& board, Ticker& ticker) : board_(board), ticker_(ticker) {}

  // A look-up was recalled, and may have to wait. By any thread.
  void Look();

  void OnTick(jobs::Steady) override { Look(); }

 private:
  board::Board& board_;
  Ticker& ticker_;
};

}  // namespace rpc
