#pragma once

#include <cstddef>

// Linked into a program, this counts what it takes from operator new, on all threads.
namespace bench {

struct Allocations {
  std::size_t count = 0;
  std::size_t bytes = 0;
};

// Since the program began.
Allocations AllocationsSoFar();

// What `work` takes.
template <class Work>
Allocations AllocationsOf(const Work& work) {
  const Allocations before = AllocationsSoFar();
  work();
  const Allocations after = AllocationsSoFar();
  return {after.count - before.count, after.bytes - before.bytes};
}

}  // namespace bench
