#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <unordered_map>
#include <utility>

namespace jobs {

// What is remembered by a hash, of at most `kMax` of them: the one that was not written to for longest is forgotten.
template <typename Value, std::size_t kMax>
class RecentMap {
 public:
  // Null when there is none.
  const Value* Find(std::uint64_t key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? nullptr : &found->second->second;
  }
  // To write to; made when there is none. Valid until the next call.
  Value& Touch(std::uint64_t key) {
    if (const auto found = index_.find(key); found != index_.end()) {
      order_.splice(order_.begin(), order_, found->second);
      return order_.front().second;
    }
    if (order_.size() >= kMax) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, Value{});
    index_.emplace(key, order_.begin());
    return order_.front().second;
  }
  void Clear() {
    index_.clear();
    order_.clear();
  }
  std::size_t size() const { return order_.size(); }

 private:
  std::list<std::pair<std::uint64_t, Value>> order_;  // last written first
  std::unordered_map<std::uint64_t, typename std::list<std::pair<std::uint64_t, Value>>::iterator> index_;
};

}  // namespace jobs
