#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace bench {

// What every benchmark is told.
struct CommandLine {
  bool quick = false;
  bool smoke = false;  // as little as shows that it works
  std::size_t watchers = 100;
  std::string json_file;

  // The one of three plans that is asked for.
  template <class Plan>
  const Plan& Choose(const Plan& of_all, const Plan& of_quick, const Plan& of_smoke) const {
    return smoke ? of_smoke : quick ? of_quick : of_all;
  }
};

// What the help says of one.
struct Help {
  const char* name;
  const char* description;
  const char* quick;
  const char* json = "File for the figures";
};

// A benchmark's main. `measure` prints its table and returns the figures for programs, which are written where the
// command line says.
int RunBenchmark(int argc, char** argv, const Help& help,
                 const std::function<std::string(const CommandLine&)>& measure);

}  // namespace bench
