#include "rpc/watches.h"

#include <future>
#include <utility>

#include "rpc/clock.h"
#include "rpc/encode.h"
#include "rpc/errors.h"
#include "rpc/peer.h"

namespace rpc {
namespace {

// gRPC keeps the calls that nobody awaits yet; with some awaited, a burst does not wait for one after the other.
constexpr int kAwaitedWatches = 16;

// What passes with time is as good for so long. Telling one thing to thousands takes longer.
constexpr jobs::Duration kSameMoment = std::chrono::milliseconds(10);

}  // namespace

Watches::Watches(board::Board& board, Calls& calls, LimitsMet& met, Limits limits, const WatchTimes& times, Read read)
    : board_(board), calls_(calls), met_(met), limits_(limits), times_(times), read_(std::move(read)) {}

void Watches::Start(JobStatusFace& face, Loop& loop) {
  face_ = &face;
  loop_ = &loop;
  turns_ = std::make_shared<LookupTurns>(board_, loop);
  for (int i = 0; i < kAwaitedWatches; ++i) Await();
}

void Watches::Drain() {
  std::promise<void> told;
  loop_->inbox()->Post([&] {
    draining_ = true;
    for (OpenWatch& watch : watches_) watch.Drain();
    told.set_value();
  });
  told.get_future().wait();
}

void Watches::Await() {
  watches_.emplace_front(*this, *face_);
  watches_.front().notes.place = watches_.begin();
}

void Watches::OnArrived(OpenWatch& watch) {
  Await();
  Call call(calls_, Method::kWatchStatus, watch.context());
  auto wanted = read_(watch.context(), watch.request());
  if (!wanted) return watch.Refuse(call, wanted.error());
  const std::string peer = PeerName(watch.context().peer());
  if (const auto refused = Refused(peer)) return watch.Refuse(call, *refused);
  ++admitted_;
  watch.notes.peer = of_peer_.try_emplace(peer).first;
  ++watch.notes.peer->second;
  watch.Serve(call, std::move(*wanted));
}

std::optional<grpc::Status> Watches::Refused(const std::string& peer) {
  if (draining_) return ShuttingDown();
  if (const auto of_peer = of_peer_.find(peer); of_peer != of_peer_.end() && of_peer->second >= limits_.per_peer) {
    ++met_.max_watches_per_peer;
    return TooManyWatchesOfPeer(limits_.per_peer);
  }
  if (admitted_ >= limits_.in_total) {
    ++met_.max_watches;
    return TooManyWatches(limits_.in_total);
  }
  return std::nullopt;
}

void Watches::OnOver(OpenWatch& watch) {
  if (watch.is_served()) {
    --admitted_;
    if (--watch.notes.peer->second == 0) of_peer_.erase(watch.notes.peer);
  }
  watches_.erase(watch.notes.place);
}

const grpc::ByteBuffer& Watches::Encode(const board::Board::Sighted& sighted) {
  const jobs::Time now = WallNow();
  const bool same = encoded_.sighted.snapshot == sighted.snapshot &&
                    encoded_.sighted.observe_time == sighted.observe_time && encoded_.at <= now &&
                    now < encoded_.at + kSameMoment;
  if (!same) {
    encoded_ = {sighted, now, EncodeWatchStatusResponse(*sighted.snapshot, sighted.observe_time, now)};
  }
  return encoded_.message;
}

}  // namespace rpc
