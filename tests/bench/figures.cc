#include "bench/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

namespace bench {
namespace {

constexpr double kMedian = 0.5;
constexpr double kTail = 0.99;

double Ratio(const Figures& figures, const Figures& to, double share) {
  return figures.Quantile(share) / to.Quantile(share);
}

// Of the medians, and of the tails.
std::string Ratios(const Figures& figures, const Figures& to) {
  const auto text = [&](double share) { return RatioText(Ratio(figures, to, share)); };
  return text(kMedian) + " / " + text(kTail);
}

}  // namespace

Spread SpreadOf(std::vector<double> rounds) {
  if (rounds.empty()) return {NAN, NAN, NAN};
  std::ranges::sort(rounds);
  const std::size_t middle = rounds.size() / 2;
  const double median = rounds.size() % 2 == 1 ? rounds[middle] : (rounds[middle - 1] + rounds[middle]) / 2;
  return {median, rounds.front(), rounds.back()};
}

std::string ToText(const Spread& spread, int decimals) {
  return fmt::format("{:.{}f} ({:.{}f}–{:.{}f})", spread.value, decimals, spread.least, decimals, spread.greatest,
                     decimals);
}

std::string RatioText(double ratio) {
  return fmt::format("{:.{}f}", ratio, ratio < 10 ? 2 : ratio < 100 ? 1 : 0);
}

Spread Figures::Millis(double share) const {
  std::vector<double> of_rounds;
  for (std::size_t round = 0; round < rounds(); ++round) of_rounds.push_back(Quantile(share, round).count());
  Spread spread = SpreadOf(std::move(of_rounds));
  spread.value = Quantile(share).count();
  return spread * 1e-3;
}

std::vector<Micros> Figures::all() const {
  std::vector<Micros> all;
  for (const auto& round : rounds_) all.insert(all.end(), round.begin(), round.end());
  return all;
}

Micros Figures::QuantileOf(std::vector<Micros> taken, double share) {
  if (taken.empty()) return Micros(NAN);
  std::ranges::sort(taken);
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(taken.size())));
  return taken[std::max<std::size_t>(rank, 1) - 1];
}

std::string Report::Table() const {
  std::string table = title + "\n\n";
  const auto line = [&](const std::string& name, const std::string& count, const std::string& p50,
                        const std::string& p99, const std::string& to_floor, const std::string& to_bare,
                        const std::string& goal) {
    std::string text =
        fmt::format("{:<36} {:>4}  {:<22} {:<22} {:<13} {:<13} {}", name, count, p50, p99, to_floor, to_bare, goal);
    text.erase(text.find_last_not_of(' ') + 1);
    table += text + "\n";
  };
  line("", "n", "p50 (of a round), ms", "p99 (of a round), ms", "÷ (a)", "÷ (b)", "goal");
  for (const Row& row : rows) {
    const std::string goal = row.goal.empty() ? "" : row.goal + (row.met ? ": met" : ": MISSED");
    line(row.name, std::to_string(row.figures->count()), ToText(row.figures->Millis(kMedian), 2),
         ToText(row.figures->Millis(kTail), 2), Ratios(*row.figures, *floor), Ratios(*row.figures, *bare), goal);
  }
  return table;
}

// Names and goals are ours and need no escapes.
std::string Report::Json() const {
  std::string json = fmt::format("{{\"cores\": {}, \"rows\": [", std::thread::hardware_concurrency());
  const char* separator = "\n";
  for (const Row& row : rows) {
    const Figures& figures = *row.figures;
    const auto quantile_of_rounds = [&](double share) {
      std::string list;
      for (std::size_t round = 0; round < figures.rounds(); ++round) {
        list += fmt::format("{}{:.1f}", list.empty() ? "" : ", ", figures.Quantile(share, round).count());
      }
      return list;
    };
    json += fmt::format(
        "{}  {{\"key\": \"{}\", \"name\": \"{}\", \"count\": {}, \"p50_us\": {:.1f}, \"p99_us\": {:.1f}, "
        "\"p50_us_of_rounds\": [{}], \"p99_us_of_rounds\": [{}], \"p50_to_floor\": {:.3f}, \"p99_to_floor\": {:.3f}, "
        "\"p50_to_bare\": {:.3f}, \"p99_to_bare\": {:.3f}",
        separator, row.key, row.name, figures.count(), figures.Quantile(kMedian).count(),
        figures.Quantile(kTail).count(), quantile_of_rounds(kMedian), quantile_of_rounds(kTail),
        Ratio(figures, *floor, kMedian), Ratio(figures, *floor, kTail), Ratio(figures, *bare, kMedian),
        Ratio(figures, *bare, kTail));
    if (!row.goal.empty()) json += fmt::format(", \"goal\": \"{}\", \"met\": {}", row.goal, row.met);
    json += "}";
    separator = ",\n";
  }
  return json + "\n]}\n";
}

}  // namespace bench
