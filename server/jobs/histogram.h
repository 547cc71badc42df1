#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jobs/time.h"

namespace jobs {

// How often a duration was how long. Thread-safe, without a lock: what is read while others add may lack what they are
// adding.
class Histogram {
 public:
  // Upper ends of the ranges, included in them, rising; above the last there is one range more.
  explicit Histogram(std::span<const Duration> ends) : ends_(ends.begin(), ends.end()), counts_(ends.size() + 1) {
    assert(std::ranges::is_sorted(ends_));
  }

  void Add(Duration duration) {
    const auto range = std::ranges::lower_bound(ends_, duration) - ends_.begin();
    counts_[static_cast<std::size_t>(range)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(duration.count(), std::memory_order_relaxed);
  }

  struct Counts {
    std::vector<Duration> ends;
    std::vector<std::uint64_t> counts;  // one more than `ends`; each of its range alone
    Duration sum{0};
  };
  Counts Read() const {
    Counts read{.ends = ends_, .counts = {}, .sum = Duration(sum_.load(std::memory_order_relaxed))};
    for (const auto& count : counts_) read.counts.push_back(count.load(std::memory_order_relaxed));
    return read;
  }

 private:
  const std::vector<Duration> ends_;
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<Duration::rep> sum_{0};
};

// For what takes milliseconds: calls, questions to ComfyUI.
inline constexpr std::array kLatencies = {
    Duration(500),       Duration(1'000),      Duration(2'500),      Duration(5'000),
    Duration(10'000),    Duration(25'000),     Duration(50'000),     Duration(100'000),
    Duration(250'000),   Duration(500'000),    Duration(1'000'000),  Duration(2'500'000),
    Duration(5'000'000), Duration(10'000'000), Duration(30'000'000), Duration(60'000'000)};

}  // namespace jobs
