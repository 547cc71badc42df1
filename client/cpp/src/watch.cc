#include "jobstatus/watch.h"

#include <utility>

#include "running_watch.h"

namespace jobstatus {

Watch::Watch(std::unique_ptr<Running> running) : running_(std::move(running)) {}
Watch::Watch(Watch&&) noexcept = default;
Watch& Watch::operator=(Watch&&) noexcept = default;
Watch::~Watch() = default;

void Watch::Cancel() {
  running_->thread.request_stop();
}

Result<void> Watch::Wait() {
  if (running_->thread.joinable()) running_->thread.join();
  return running_->result;
}

}  // namespace jobstatus
