#include "cli/duration.h"

#include <array>
#include <charconv>
#include <cstdint>

namespace jobstatus::cli {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t milliseconds;
};

constexpr std::array<Unit, 5> kUnits = {{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::int64_t kLongest = std::int64_t{365} * 86'400'000;

}  // namespace

std::expected<std::chrono::milliseconds, std::string> ParseDuration(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return std::unexpected("\"" + std::string(text) + "\" " + std::string(why) +
                           "; write a duration like 500ms, 30s, 10m or 2h");
  };
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::invalid_argument) return wrong("does not begin with a whole number");
  const std::string_view unit_name(rest, text.data() + text.size());
  if (unit_name.empty()) return wrong("has no unit");
  for (const Unit& unit : kUnits) {
    if (unit.name != unit_name) continue;
    if (error == std::errc::result_out_of_range || number > static_cast<std::uint64_t>(kLongest / unit.milliseconds))
      return wrong("is longer than a year");
    return std::chrono::milliseconds(static_cast<std::int64_t>(number) * unit.milliseconds);
  }
  return wrong("is not a whole number and a unit");
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  for (const Unit& unit : kUnits) {
    if (duration.count() != 0 && duration.count() % unit.milliseconds == 0)
      return std::to_string(duration.count() / unit.milliseconds) + std::string(unit.name);
  }
  return "0s";
}

}  // namespace jobstatus::cli
