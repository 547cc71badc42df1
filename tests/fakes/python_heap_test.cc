#include "fakes/python_heap.h"

#include <gtest/gtest.h>

#include <functional>

namespace fakes {
namespace {

using Numbers = std::vector<int>;

// All expected lists were printed by CPython 3.11's heapq.

TEST(PythonHeap, PushLeavesTheListAsHeapqDoes) {
  Numbers heap;
  for (const int n : {5, 3, 8, 1, 9, 2, 7, 4, 6, 0}) HeapPush(&heap, n, std::less<>());
  EXPECT_EQ(heap, (Numbers{0, 1, 2, 4, 3, 8, 7, 5, 6, 9}));
}

TEST(PythonHeap, PopLeavesTheListAsHeapqDoes) {
  Numbers heap{0, 1, 2, 4, 3, 8, 7, 5, 6, 9};
  EXPECT_EQ(HeapPop(&heap, std::less<>()), 0);
  EXPECT_EQ(heap, (Numbers{1, 3, 2, 4, 9, 8, 7, 5, 6}));
  EXPECT_EQ(HeapPop(&heap, std::less<>()), 1);
  EXPECT_EQ(heap, (Numbers{2, 3, 6, 4, 9, 8, 7, 5}));
}

TEST(PythonHeap, HeapifyLeavesTheListAsHeapqDoes) {
  Numbers heap = {9, 4, 7, 1, 8, 2, 6, 3, 5, 0, 4, 4};
  Heapify(&heap, std::less<>());
  EXPECT_EQ(heap, (Numbers{0, 1, 2, 3, 4, 4, 6, 9, 5, 8, 4, 7}));
}

TEST(PythonHeap, PopsTheOnlyOne) {
  Numbers heap = {1};
  EXPECT_EQ(HeapPop(&heap, std::less<>()), 1);
  EXPECT_TRUE(heap.empty());
}

}  // namespace
}  // namespace fakes
