#include "app/duration.h"

#include <array>
#include <charconv>
#include <utility>

namespace app {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::pair<std::string_view, jobs::Duration>, 5> kUnits{
    {{"ms", 1ms}, {"s", 1s}, {"m", 1min}, {"h", 1h}, {"d", 24h}}};

}  // namespace

std::optional<jobs::Duration> ParseDuration(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || count < 0) return std::nullopt;
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [unit, length] : kUnits) {
    if (unit == suffix && count <= jobs::Duration(365 * 24h) / length) return count * length;
  }
  return std::nullopt;
}

std::string Format(jobs::Duration duration) {
  std::string text = std::to_string(duration / 1ms) + "ms";
  for (const auto& [unit, length] : kUnits) {
    if (duration.count() > 0 && duration % length == jobs::Duration(0))
      text = std::to_string(duration / length).append(unit);
  }
  return text;
}

}  // namespace app
