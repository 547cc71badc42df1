#pragma once

#include <cstddef>
#include <utility>
#include <vector>

// Python's heapq, move by move, so that GET /queue shows pending items in ComfyUI's own order
// (CPython Lib/heapq.py). `less` may throw; the list is then left as heapq leaves it.
namespace fakes {

template <typename T, typename Less>
void HeapSiftDown(std::vector<T>* heap, size_t start, size_t position, const Less& less) {
  while (position > start) {
    const size_t parent = (position - 1) / 2;
    if (!less((*heap)[position], (*heap)[parent])) return;
    std::swap((*heap)[position], (*heap)[parent]);
    position = parent;
  }
}

// Moves the hole to a leaf, always taking the smaller child, and only then sifts the item back: the order of equal
// and unequal items differs from std::pop_heap's.
template <typename T, typename Less>
void HeapSiftUp(std::vector<T>* heap, size_t position, const Less& less) {
  const size_t start = position;
  for (size_t child = 2 * position + 1; child < heap->size(); child = 2 * position + 1) {
    if (child + 1 < heap->size() && !less((*heap)[child], (*heap)[child + 1])) ++child;
    std::swap((*heap)[child], (*heap)[position]);
    position = child;
  }
  HeapSiftDown(heap, start, position, less);
}

template <typename T, typename Less>
void HeapPush(std::vector<T>* heap, T item, const Less& less) {
  heap->push_back(std::move(item));
  HeapSiftDown(heap, 0, heap->size() - 1, less);
}

// `heap` must not be empty.
template <typename T, typename Less>
T HeapPop(std::vector<T>* heap, const Less& less) {
  T last = std::move(heap->back());
  heap->pop_back();
  if (heap->empty()) return last;
  std::swap(last, heap->front());
  HeapSiftUp(heap, 0, less);
  return last;
}

template <typename T, typename Less>
void Heapify(std::vector<T>* heap, const Less& less) {
  for (size_t i = heap->size() / 2; i-- > 0;) HeapSiftUp(heap, i, less);
}

}  // namespace fakes
