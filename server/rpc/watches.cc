#include "rpc/watches.h"

#include "rpc/watch_reactor.h"

namespace rpc {

Watches::Admission Watches::Add(const std::shared_ptr<WatchReactor>& watch, const std::string& peer) {
  const std::lock_guard lock(mutex_);
  if (draining_) return Admission::kDraining;
  if (const auto of_peer = of_peer_.find(peer); of_peer != of_peer_.end() && of_peer->second >= limits_.per_peer) {
    ++met_.max_watches_per_peer;
    return Admission::kTooManyOfPeer;
  }
  if (open_.size() >= limits_.in_total) {
    ++met_.max_watches;
    return Admission::kTooMany;
  }
  open_.emplace(watch, peer);
  ++of_peer_[peer];
  return Admission::kAdmitted;
}

void Watches::Remove(const std::shared_ptr<WatchReactor>& watch) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(watch);
  const auto of_peer = of_peer_.find(open->second);
  if (--of_peer->second == 0) of_peer_.erase(of_peer);
  open_.erase(open);
}

void Watches::Drain() {
  std::map<std::shared_ptr<WatchReactor>, std::string> open;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    open = open_;
  }
  for (const auto& [watch, peer] : open) watch->Drain();
}

}  // namespace rpc
