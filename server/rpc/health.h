#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "board/board.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "rpc/health_watch.h"

namespace rpc {

// The standard health service. Its names are "" and that of our service, which serve until the drain; and each
// configured backend, which serves while it answers. A backend that is called like our service has no name of its own
// here. Answers everybody, also without a token.
class Health final : public health::Health::CallbackService, private HealthSource {
 public:
  // `service` is the name of ours.
  Health(board::Board& board, std::string service, std::size_t max_watches);
  ~Health() override;

  // Nothing serves any more; each Watch is told so, and ends with UNAVAILABLE.
  void Drain();

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context, const health::HealthCheckRequest* request,
                                  health::HealthCheckResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const health::HealthListRequest* request,
                                 health::HealthListResponse* response) override;
  grpc::ServerWriteReactor<health::HealthCheckResponse>* Watch(grpc::CallbackServerContext* context,
                                                               const health::HealthCheckRequest* request) override;

 private:
  class Watches;

  Now Look(const std::string& name) const override;

  board::Board& board_;
  const std::string service_;
  std::atomic<bool> draining_ = false;
  const std::shared_ptr<Watches> watches_;
  board::Board::Handle reachability_;  // last, so that no more calls come when the rest goes
};

}  // namespace rpc
