#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "board/backlog.h"
#include "board/board.h"
#include "jobs/watch_stream.h"
#include "rpc/calls.h"
#include "rpc/lookup_turns.h"
#include "rpc/requests.h"
#include "rpc/ticker.h"
#include "rpc/watch_times.h"
#include "rpc/watches.h"

namespace rpc {

// One WatchStatus call: a shell around jobs::WatchStream, which decides everything. It takes the lock, tells the stream
// what happened, releases the lock and carries out the one action the stream answered with; the stream gives out no
// other until it is told the outcome.
class WatchReactor final : public grpc::ServerWriteReactor<grpc::ByteBuffer>,
                           public board::Watcher,
                           public Ticked,
                           public std::enable_shared_from_this<WatchReactor> {
 public:
  WatchReactor(grpc::CallbackServerContext& context, Call call, board::Board& board, Ticker& ticker, LookupTurns& turns,
               Watches& watches, Watch watch, const WatchTimes& times);

  // Registers with everything that can call, and sends what is known. The initial metadata goes out at once: it tells a
  // caller for whom there is no news that the watch stands. The reactor keeps itself until gRPC is done with it.
  void Start();
  void Drain();

  void OnChange(bool of_state) override;
  void OnTick(jobs::Steady now) override;
  std::uint64_t taken_revision() const override { return taken_revision_.load(std::memory_order_relaxed); }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Stream = jobs::WatchStream;

  template <class Event>
  void Tell(Event event);
  void Carry(Stream::Action action);
  void Pull();
  void OnPulled(std::expected<board::Board::Next, jobs::ArchiveError> next);
  void Stop(Stream::End end, std::optional<grpc::Status> status);
  void OnLookup(const std::string& job_id, const board::LookupResult& result);
  void OnRecalled();
  bool IsToldAlready(const board::Snapshot& known) const;
  grpc::Status Outcome(Stream::End end);

  grpc::CallbackServerContext& context_;
  board::Board& board_;
  Ticker& ticker_;
  LookupTurns& turns_;
  Watches& watches_;
  const Watch watch_;

  std::mutex mutex_;  // guards the four below
  Stream stream_;
  std::size_t recalls_ = 1;                     // to be done before the stream starts: one of each look-up, and Start
  std::optional<grpc::Status> status_;          // to finish with, when it is not OK
  jobs::Steady tick_at_ = jobs::Steady::max();  // of the earliest call asked for

  std::atomic<std::uint64_t> taken_revision_;  // of the last status pulled

  // Touched only by whoever carries out the stream's one action.
  Call call_;
  board::Backlog backlog_;
  board::Board::Sighted pulled_;
  grpc::ByteBuffer message_;  // being written

  board::Board::Handle subscription_;
  std::vector<board::Board::Handle> lookups_;
  std::shared_ptr<WatchReactor> self_;  // until OnDone
};

}  // namespace rpc
