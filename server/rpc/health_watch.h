#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "grpc/health/v1/health.pb.h"
#include "rpc/open_streams.h"

namespace rpc {

namespace health = grpc::health::v1;
using Serving = health::HealthCheckResponse::ServingStatus;

// Where a watch looks how things stand.
class HealthSource {
 public:
  struct Now {
    Serving status = health::HealthCheckResponse::SERVICE_UNKNOWN;
    bool draining = false;  // nothing comes after it
  };
  virtual Now Look(const std::string& name) const = 0;

 protected:
  ~HealthSource() = default;
};

// One Watch of the health service. It looks when it is told to and tells what is new, one message at a time: a slow
// reader gets the newest status and misses those in between.
class HealthWatch final : public grpc::ServerWriteReactor<health::HealthCheckResponse>,
                          public std::enable_shared_from_this<HealthWatch> {
 public:
  // Both must outlive the call.
  HealthWatch(std::string name, const HealthSource& source, OpenStreams<HealthWatch>& open);

  // Tells the first status. The reactor keeps itself until gRPC is done with it.
  void Start();
  // Any thread may call it, also when the call has ended.
  void LookAgain();

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  const std::string name_;
  const HealthSource& source_;
  OpenStreams<HealthWatch>& open_;

  std::mutex mutex_;   // guards the three below
  bool busy_ = false;  // a write is under way, or the call is finished
  bool gone_ = false;  // nobody reads
  std::optional<Serving> told_;

  health::HealthCheckResponse message_;  // touched only by whoever made it busy
  std::shared_ptr<HealthWatch> self_;    // until OnDone
};

}  // namespace rpc
