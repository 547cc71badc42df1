#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "board/board.h"
#include "rpc/calls.h"
#include "rpc/face.h"
#include "rpc/limits_met.h"
#include "rpc/lookup_turns.h"
#include "rpc/loop.h"
#include "rpc/open_watch.h"
#include "rpc/watch_times.h"

namespace rpc {

// The WatchStatus calls, all on one loop: how many there may be, and the way to end them all.
class Watches {
 public:
  struct Limits {
    std::size_t in_total = 0;
    std::size_t per_peer = 0;
  };
  // What a caller wants, or why it is refused.
  using Read =
      std::function<std::expected<Watch, grpc::Status>(const grpc::ServerContext& context, const grpc::ByteBuffer&)>;

  Watches(board::Board& board, Calls& calls, LimitsMet& met, Limits limits, const WatchTimes& times, Read read);

  // Awaits calls, by the server that has started. The loop must end before this does.
  void Start(JobStatusFace& face, Loop& loop);

  // Ends all streams, each after the write it has under way, and admits no more. Returns when all were told.
  void Drain();

  // ---- for the watches, on the loop

  void OnArrived(OpenWatch& watch);
  void OnOver(OpenWatch& watch);

  // The message that tells a status as it is now, until the next is asked for. Many are told the same at once.
  const grpc::ByteBuffer& Encode(const board::Board::Sighted& sighted);

  Loop& loop() { return *loop_; }
  board::Board& board() { return board_; }
  const WatchTimes& times() const { return times_; }
  const std::shared_ptr<LookupTurns>& turns() { return turns_; }
  LimitsMet& met() { return met_; }

 private:
  void Await();
  // Why it is not admitted, if it is not.
  std::optional<grpc::Status> Refused(const std::string& peer);

  board::Board& board_;
  Calls& calls_;
  LimitsMet& met_;
  const Limits limits_;
  const WatchTimes times_;
  const Read read_;
  JobStatusFace* face_ = nullptr;
  Loop* loop_ = nullptr;
  std::shared_ptr<LookupTurns> turns_;

  // Touched only by the loop's thread once it runs.
  std::list<OpenWatch> watches_;  // those that are awaited, too
  std::size_t admitted_ = 0;
  std::map<std::string, std::size_t> of_peer_;  // by PeerName, how many are admitted; none that has none
  bool draining_ = false;
  struct {
    board::Board::Sighted sighted;
    jobs::Time at;
    grpc::ByteBuffer message;
  } encoded_;  // last
};

}  // namespace rpc
