#include "rpc/watches.h"

#include "rpc/watch_reactor.h"

namespace rpc {

Watches::Admission Watches::Add(const std::shared_ptr<WatchReactor>& watch) {
  const std::lock_guard lock(mutex_);
  if (draining_) return Admission::kDraining;
  if (open_.size() >= max_) return Admission::kTooMany;
  open_.insert(watch);
  return Admission::kAdmitted;
}

void Watches::Remove(const std::shared_ptr<WatchReactor>& watch) {
  const std::lock_guard lock(mutex_);
  open_.erase(watch);
}

void Watches::Drain() {
  std::set<std::shared_ptr<WatchReactor>> open;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    open = open_;
  }
  for (const auto& watch : open) watch->Drain();
}

}  // namespace rpc
