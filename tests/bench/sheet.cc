#include "bench/sheet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <thread>

namespace bench {
namespace {

// As many decimals as its size is worth.
std::string ToText(const Spread& spread) {
  return bench::ToText(spread, spread.value >= 1000 ? 0 : spread.value >= 100 ? 1 : 2);
}

std::string Json(const Spread& spread) {
  const auto number = [](double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "null"; };
  return fmt::format("[{}, {}, {}]", number(spread.value), number(spread.least), number(spread.greatest));
}

std::string Mark(std::size_t index) {
  return fmt::format("({})", index + 1);
}

// Of characters, not bytes.
std::string Padded(const std::string& text, std::size_t width) {
  const auto characters =
      static_cast<std::size_t>(std::ranges::count_if(text, [](unsigned char byte) { return (byte & 0xc0) != 0x80; }));
  return text + std::string(width > characters ? width - characters : 1, ' ');
}

}  // namespace

Sheet::Value DelayOf(const Figures& figures) {
  return {figures.Millis(0.5), figures.Millis(0.99)};
}

std::string Print(const Sheet& sheet) {
  std::fputs(sheet.Table().c_str(), stdout);
  return sheet.Json();
}

std::size_t Sheet::IndexOf(const std::string& key) const {
  return static_cast<std::size_t>(std::ranges::find(lines_, key, &Line::key) - lines_.begin());
}

std::string Sheet::Table() const {
  std::string table = title_ + "\n\n";
  const auto line = [&](const std::string& name, const std::string& unit, const std::string& median,
                        const std::string& tail, const std::string& ratio, const std::string& goal) {
    std::string text =
        Padded(name, 64) + Padded(unit, 8) + Padded(median, 28) + Padded(tail, 21) + Padded(ratio, 20) + goal;
    text.erase(text.find_last_not_of(' ') + 1);
    table += text + "\n";
  };
  line("", "", "median (of a round)", "p99 (of a round)", "ratio", "goal");
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const auto& [key, name, unit, value, beside, goal, met] = lines_[i];
    std::string ratio;
    if (!beside.empty()) {
      const std::size_t other = IndexOf(beside);
      const Value& to = lines_[other].value;
      ratio = RatioText(value.median.value / to.median.value);
      if (value.tail && to.tail) ratio += " / " + RatioText(value.tail->value / to.tail->value);
      ratio += " × " + Mark(other);
    }
    line(fmt::format("{:>4} {}", Mark(i), name), unit, ToText(value.median), value.tail ? ToText(*value.tail) : "",
         ratio, goal.empty() ? "" : goal + (met ? ": met" : ": MISSED"));
  }
  for (const std::string& note : notes_) table += "\n" + note;
  return table + (notes_.empty() ? "" : "\n");
}

// Names and goals are ours and need no escapes.
std::string Sheet::Json() const {
  std::string json = fmt::format("{{\"cores\": {}, \"rows\": [", std::thread::hardware_concurrency());
  const char* separator = "\n";
  for (const auto& [key, name, unit, value, beside, goal, met] : lines_) {
    json += fmt::format("{}  {{\"key\": \"{}\", \"name\": \"{}\", \"unit\": \"{}\", \"median_least_greatest\": {}",
                        separator, key, name, unit, bench::Json(value.median));
    if (value.tail) json += fmt::format(", \"p99_least_greatest\": {}", bench::Json(*value.tail));
    if (!beside.empty()) json += fmt::format(", \"beside\": \"{}\"", beside);
    if (!goal.empty()) json += fmt::format(", \"goal\": \"{}\", \"met\": {}", goal, met);
    json += "}";
    separator = ",\n";
  }
  return json + "\n]}\n";
}

}  // namespace bench
