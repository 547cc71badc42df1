#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>

namespace rpc {

// The open streams of one service: how many there may be, and the way to all of them. Thread-safe.
template <class Stream>
class OpenStreams {
 public:
  explicit OpenStreams(std::size_t max) : max_(max) {}

  // False: there are too many.
  bool Add(const std::shared_ptr<Stream>& stream) {
    const std::lock_guard lock(mutex_);
    if (open_.size() >= max_) return false;
    open_.insert(stream);
    return true;
  }

  void Remove(const std::shared_ptr<Stream>& stream) {
    const std::lock_guard lock(mutex_);
    open_.erase(stream);
  }

  std::set<std::shared_ptr<Stream>> All() const {
    const std::lock_guard lock(mutex_);
    return open_;
  }

  std::size_t max() const { return max_; }

 private:
  const std::size_t max_;
  mutable std::mutex mutex_;  // guards open_; no stream is called under it
  std::set<std::shared_ptr<Stream>> open_;
};

}  // namespace rpc
