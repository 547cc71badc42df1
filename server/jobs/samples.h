#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace jobs {

// The value at `share` (0 to 1) of all that may come, judging by the n values seen: a next value falls below it with
// that probability. `values` is sorted and not empty; beyond its ends the end counts.
inline double QuantileOf(std::span<const double> values, double share) {
  const double at = share * static_cast<double>(values.size() + 1) - 1;
  if (at <= 0) return values.front();
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= values.size()) return values.back();
  const double part = at - static_cast<double>(below);
  return values[below] * (1 - part) + values[below + 1] * part;
}

// The last `kMax` values of something measured again and again.
template <std::size_t kMax>
class Samples {
 public:
  void Add(double value) {
    values_[next_] = value;
    next_ = (next_ + 1) % kMax;
    size_ = std::min(size_ + 1, kMax);
  }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  // In no order.
  std::span<const double> values() const { return {values_.data(), size_}; }
  std::vector<double> Sorted() const {
    std::vector<double> sorted(values().begin(), values().end());
    std::ranges::sort(sorted);
    return sorted;
  }
  // Not of none.
  double Median() const {
    std::array<double, kMax> copy = values_;
    const auto middle = copy.begin() + static_cast<std::ptrdiff_t>(size_ / 2);
    const auto end = copy.begin() + static_cast<std::ptrdiff_t>(size_);
    std::nth_element(copy.begin(), middle, end);
    if (size_ % 2 == 1) return *middle;
    return (*middle + *std::max_element(copy.begin(), middle)) / 2;
  }

 private:
  std::array<double, kMax> values_{};
  std::size_t size_ = 0;
  std::size_t next_ = 0;
};

}  // namespace jobs
