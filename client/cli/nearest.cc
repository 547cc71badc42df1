#include "cli/nearest.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace jobstatus::cli {
namespace {

// How many letters have to be put in, taken out or replaced (Levenshtein's distance).
std::size_t Distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);  // of the part of a so far to each beginning of b
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view Nearest(std::string_view typed, std::span<const std::string_view> words) {
  constexpr std::size_t kAlike = 2;
  std::string_view nearest;
  std::size_t shortest = kAlike + 1;
  for (const std::string_view word : words) {
    const std::size_t distance = Distance(typed, word);
    // Of a short word little may differ, or anything would be like it.
    if (distance < shortest && 2 * distance < word.size() + 1) {
      nearest = word;
      shortest = distance;
    }
  }
  return nearest;
}

}  // namespace jobstatus::cli
