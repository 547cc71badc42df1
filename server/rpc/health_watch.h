#pragma once

#include <list>
#include <optional>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"
#include "rpc/server_stream.h"

namespace rpc {

namespace health = grpc::health::v1;
using Serving = health::HealthCheckResponse::ServingStatus;

class Health;

// One Watch of the health service, from when it is awaited. It looks when it is told to and tells what is new, one
// message at a time: a slow reader gets the newest status and misses those in between.
class HealthWatch final : public ServerStream<grpc::ServerAsyncWriter<health::HealthCheckResponse>> {
 public:
  // Awaits a call. Tells `owner` when it has come and when it is over.
  HealthWatch(Health& owner, Loop& loop);

  // Where it stands in the list of all.
  std::list<HealthWatch>::iterator place;

  bool is_served() const { return is_served_; }

  // What has come is answered with one of these.
  const health::HealthCheckRequest& request() const { return request_; }
  void Refuse(const grpc::Status& status) { Finish(status); }
  void Serve();

  void LookAgain();

 private:
  void OnArrived() override;
  void OnWritten(bool ok) override;
  void OnCancelled() override;
  void OnOver() override;

  Health& owner_;
  health::HealthCheckRequest request_;
  health::HealthCheckResponse message_;
  bool is_served_ = false;
  bool is_writing_ = false;
  bool is_gone_ = false;  // nobody reads
  std::optional<Serving> told_;
};

}  // namespace rpc
