#include "bench/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace bench {
namespace {

std::atomic<std::size_t> count{0};
std::atomic<std::size_t> bytes{0};

}  // namespace

Allocations AllocationsSoFar() {
  return {count, bytes};
}

}  // namespace bench

// The other forms end in these, those with an alignment apart, which nobody here uses.
void* operator new(std::size_t size) {
  bench::count.fetch_add(1, std::memory_order_relaxed);
  bench::bytes.fetch_add(size, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept {
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
