#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>

namespace rpc {

class WatchReactor;

// The streams that are open: how many there may be, and the way to end them all.
class Watches {
 public:
  explicit Watches(std::size_t max_watches) : max_(max_watches) {}

  // False: there are too many, or the service is going down.
  enum class Admission { kAdmitted, kTooMany, kDraining };
  Admission Add(const std::shared_ptr<WatchReactor>& watch);
  void Remove(const std::shared_ptr<WatchReactor>& watch);

  // Ends all streams and admits no more. Each ends by itself, after the write it has under way.
  void Drain();

  std::size_t max() const { return max_; }

 private:
  const std::size_t max_;
  std::mutex mutex_;  // guards the two below; no stream is called under it
  std::set<std::shared_ptr<WatchReactor>> open_;
  bool draining_ = false;
};

}  // namespace rpc
