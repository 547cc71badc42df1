#include "rpc/health_watch.h"

#include <utility>

#include "rpc/errors.h"

namespace rpc {

HealthWatch::HealthWatch(std::string name, const HealthSource& source, OpenStreams<HealthWatch>& open)
    : name_(std::move(name)), source_(source), open_(open) {}

void HealthWatch::Start() {
  self_ = shared_from_this();
  LookAgain();
}

void HealthWatch::LookAgain() {
  std::optional<grpc::Status> finish;
  {
    const std::lock_guard lock(mutex_);
    if (busy_) return;
    const HealthSource::Now now = gone_ ? HealthSource::Now() : source_.Look(name_);
    if (gone_) {
      finish = grpc::Status::CANCELLED;
    } else if (told_ != now.status) {
      told_ = now.status;
      message_.set_status(now.status);
    } else if (now.draining) {
      finish = ShuttingDown();
    } else {
      return;
    }
    busy_ = true;
  }
  if (finish) {
    Finish(*finish);
  } else {
    StartWrite(&message_);
  }
}

void HealthWatch::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    gone_ = gone_ || !ok;
  }
  LookAgain();
}

void HealthWatch::OnCancel() {
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
  }
  LookAgain();
}

void HealthWatch::OnDone() {
  open_.Remove(self_);
  self_.reset();  // gRPC is done with it; the last of those who may still be calling frees it
}

}  // namespace rpc
