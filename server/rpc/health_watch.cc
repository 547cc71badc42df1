#include "rpc/health_watch.h"

#include "rpc/errors.h"
#include "rpc/health.h"

namespace rpc {

HealthWatch::HealthWatch(Health& owner, Loop& loop) : owner_(owner) {
  owner_.RequestWatch(&awaited_context(), &request_, &wire(), &loop.queue(), &loop.queue(), arrived_tag());
}

void HealthWatch::OnArrived() {
  owner_.OnArrived(*this);
}

void HealthWatch::OnOver() {
  owner_.OnOver(*this);
}

void HealthWatch::Serve() {
  is_served_ = true;
  LookAgain();
}

void HealthWatch::LookAgain() {
  if (!is_served_ || is_writing_ || is_finished()) return;
  if (is_gone_) return Finish(grpc::Status::CANCELLED);
  const Health::Now now = owner_.Look(request_.service());
  if (told_ != now.status) {
    told_ = now.status;
    message_.set_status(now.status);
    is_writing_ = true;
    Write(message_);
  } else if (now.draining) {
    Finish(ShuttingDown());
  }
}

void HealthWatch::OnWritten(bool ok) {
  is_writing_ = false;
  is_gone_ = is_gone_ || !ok;
  LookAgain();
}

void HealthWatch::OnCancelled() {
  is_gone_ = true;
  LookAgain();
}

}  // namespace rpc
