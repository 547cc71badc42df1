#pragma once

#include <atomic>
#include <cstdint>

#include "jobs/histogram.h"

namespace archive {

// What the archive has written, in numbers. Counted by the thread that writes, read by any.
struct Counts {
  std::uint64_t statuses = 0;        // written: how jobs ended, and those that are followed when they come and begin
  std::uint64_t failed_batches = 0;  // that could not be written, and were tried again
  bool failing = false;              // the last one could not
  jobs::Histogram::Counts batches;   // how long one took, flushing to the disk included; those that were written
};

class WriteCounter {
 public:
  void Wrote(std::uint64_t statuses, jobs::Duration took) {
    statuses_.fetch_add(statuses, std::memory_order_relaxed);
    batches_.Add(took);
    failing_.store(false, std::memory_order_relaxed);
  }
  void Failed() {
    failed_batches_.fetch_add(1, std::memory_order_relaxed);
    failing_.store(true, std::memory_order_relaxed);
  }
  Counts Read() const {
    return {.statuses = statuses_, .failed_batches = failed_batches_, .failing = failing_, .batches = batches_.Read()};
  }

 private:
  std::atomic<std::uint64_t> statuses_{0}, failed_batches_{0};
  std::atomic<bool> failing_{false};
  jobs::Histogram batches_{jobs::kLatencies};
};

}  // namespace archive
