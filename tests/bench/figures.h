#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace bench {

using Micros = std::chrono::duration<double, std::micro>;

// One number of all rounds, and the least and the greatest of a round.
struct Spread {
  double value = 0;
  double least = 0;
  double greatest = 0;

  Spread operator*(double factor) const { return {value * factor, least * factor, greatest * factor}; }
};

// The median is the number of all rounds.
Spread SpreadOf(std::vector<double> rounds);

// "0.213 (0.201–0.240)", each with so many decimals.
std::string ToText(const Spread& spread, int decimals);

// "0.85", "12.3" or "450".
std::string RatioText(double ratio);

// What was measured of one thing, round by round.
class Figures {
 public:
  void BeginRound() { rounds_.emplace_back(); }
  void Add(Micros taken) { rounds_.back().push_back(taken); }

  std::size_t count() const { return all().size(); }
  std::size_t rounds() const { return rounds_.size(); }

  // The least that `share` of them do not exceed.
  Micros Quantile(double share) const { return QuantileOf(all(), share); }
  Micros Quantile(double share, std::size_t round) const { return QuantileOf(rounds_[round], share); }
  Spread Millis(double share) const;

 private:
  std::vector<Micros> all() const;
  static Micros QuantileOf(std::vector<Micros> taken, double share);

  std::vector<std::vector<Micros>> rounds_;
};

// One line of a table.
struct Row {
  std::string key;   // for programs
  std::string name;  // for people
  const Figures* figures;
  std::string goal = {};  // empty: there is none
  bool met = true;
};

// Tables of what was measured. Ratios are to `floor` and to `bare`, of medians and of the 99th percentiles.
struct Report {
  std::string title;
  std::vector<Row> rows;
  const Figures* floor;
  const Figures* bare;

  std::string Table() const;
  std::string Json() const;
};

}  // namespace bench
