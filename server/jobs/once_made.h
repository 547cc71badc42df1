#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace jobs {

// Bytes that are made of an immutable value when they are first asked for, and kept from then on. They are no part of
// the value: a copy begins without, and two are always equal. Get is thread-safe; of several that ask first each may
// make them.
class OnceMade {
 public:
  // What is longer is made anew for each who asks: it takes its time by being sent, not by being made.
  static constexpr std::size_t kMaxBytes = 4096;

  OnceMade() = default;
  OnceMade(const OnceMade&) noexcept {}
  OnceMade& operator=(const OnceMade& other) noexcept {
    if (this != &other) delete made_.exchange(nullptr);
    return *this;
  }
  ~OnceMade() { delete made_.load(); }

  // What `make` returns, kept here or, if it is too long, in `own`.
  template <class Make>
  std::string_view Get(Make make, std::string& own) const {
    if (const std::string* const made = made_.load(std::memory_order_acquire)) return *made;
    own = make();
    if (own.size() > kMaxBytes) return own;
    auto kept = std::make_unique<const std::string>(own);
    const std::string* other = nullptr;
    return made_.compare_exchange_strong(other, kept.get()) ? *kept.release() : *other;
  }

  bool operator==(const OnceMade&) const { return true; }

 private:
  mutable std::atomic<const std::string*> made_{nullptr};
};

}  // namespace jobs
