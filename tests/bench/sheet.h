#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/command_line.h"
#include "bench/figures.h"

namespace bench {

// A table of different things, each measured in its own unit and set beside another of the table.
class Sheet {
 public:
  struct Value {
    Spread median;
    std::optional<Spread> tail = {};  // the 99th percentile, of what has one
  };
  struct Line {
    std::string key;   // for programs
    std::string name;  // for people
    std::string unit;
    Value value;
    std::string beside = {};  // key of the line before it that the ratios are to; empty: none
    std::string goal = {};    // empty: there is none
    bool met = true;
  };

  explicit Sheet(std::string title) : title_(std::move(title)) {}

  void Add(Line line) { lines_.push_back(std::move(line)); }
  // What happened to be seen, too.
  void Note(std::string note) { notes_.push_back(std::move(note)); }

  std::string Table() const;
  std::string Json() const;

 private:
  std::size_t IndexOf(const std::string& key) const;

  std::string title_;
  std::vector<Line> lines_;
  std::vector<std::string> notes_;
};

// Prints the table and returns the figures for programs.
std::string Print(const Sheet& sheet);

// A benchmark's main, where a `Bench` of one of three plans makes one sheet.
template <class Bench, class Plan>
int RunBenchmark(int argc, char** argv, const Help& help, const Plan& full, const Plan& quick, const Plan& smoke) {
  return RunBenchmark(argc, argv, help,
                      [&](const CommandLine& line) { return Print(Bench(line.Choose(full, quick, smoke)).Run()); });
}

// In milliseconds.
Sheet::Value DelayOf(const Figures& figures);

}  // namespace bench
