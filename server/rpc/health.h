#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "board/board.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "rpc/health_watch.h"
#include "rpc/loop.h"
#include "rpc/unary_call.h"

namespace rpc {

// The standard health service. Its names are "" and that of our service, which serve until the drain; and each
// configured backend, which serves while it answers. A backend that is called like our service has no name of its own
// here. Answers everybody, also without a token.
class Health final : public health::Health::AsyncService {
 public:
  // `service` is the name of ours.
  Health(board::Board& board, std::string service, std::size_t max_watches);
  ~Health() override;

  // Awaits calls. The loop must end before this does.
  void Start(Loop& loop);

  // Nothing serves any more; each Watch is told so, and ends with UNAVAILABLE.
  void Drain();

  // How things stand with a name.
  struct Now {
    Serving status = health::HealthCheckResponse::SERVICE_UNKNOWN;
    bool draining = false;  // nothing comes after it
  };
  Now Look(const std::string& name) const;

  // ---- for the watches, on the loop

  void OnArrived(HealthWatch& watch);
  void OnOver(HealthWatch& watch);

 private:
  using CheckCall = UnaryCall<health::HealthCheckRequest, health::HealthCheckResponse>;
  using ListCall = UnaryCall<health::HealthListRequest, health::HealthListResponse>;
  class Reachability;

  void Check(CheckCall& call) const;
  void List(ListCall& call) const;
  void AwaitWatch();
  void LookAgain();

  board::Board& board_;
  const std::string service_;
  const std::size_t max_watches_;
  const CheckCall::Handler check_ = [this](CheckCall& call) { Check(call); };
  const ListCall::Handler list_ = [this](ListCall& call) { List(call); };
  std::atomic<bool> draining_ = false;
  Loop* loop_ = nullptr;
  std::list<HealthWatch> watches_;  // those that are awaited, too. Touched only by the loop's thread once it runs
  std::size_t served_ = 0;          // likewise
  board::Board::Handle reachability_;
};

}  // namespace rpc
