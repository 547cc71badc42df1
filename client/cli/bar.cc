#include "cli/bar.h"

#include <algorithm>
#include <cstdint>

#include "cli/words.h"

namespace jobstatus::cli {
namespace {

constexpr std::size_t kBlockWidth = 3;
constexpr std::int64_t kStepMs = 200;

std::string Cells(std::size_t before, std::size_t filled, std::size_t width, bool unicode) {
  const char* const full = unicode ? "█" : "#";
  const char* const empty = unicode ? "░" : "-";
  std::string bar;
  for (std::size_t i = 0; i < width; ++i) bar += i >= before && i < before + filled ? full : empty;
  return unicode ? bar : "[" + bar + "]";
}

std::size_t InnerWidth(std::size_t width, bool unicode) {
  return unicode ? width : width - std::min<std::size_t>(width, 2);
}

}  // namespace

std::string Bar(double percentage, std::size_t width, bool unicode) {
  const std::size_t inner = InnerWidth(width, unicode);
  return Cells(0, inner * static_cast<std::size_t>(WholePercent(percentage)) / 100, inner, unicode);
}

std::string WanderingBar(std::chrono::milliseconds elapsed, std::size_t width, bool unicode) {
  const std::size_t inner = InnerWidth(width, unicode);
  const std::size_t span = inner - std::min(inner, kBlockWidth);
  std::size_t place = 0;
  if (span > 0) {
    place = static_cast<std::size_t>(std::max<std::int64_t>(elapsed.count(), 0) / kStepMs) % (2 * span);
    if (place > span) place = 2 * span - place;  // and back
  }
  return Cells(place, kBlockWidth, inner, unicode);
}

}  // namespace jobstatus::cli
