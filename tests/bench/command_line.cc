#include "bench/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>

namespace bench {

int RunBenchmark(int argc, char** argv, const Help& help,
                 const std::function<std::string(const CommandLine&)>& measure) {
  CommandLine line;
  CLI::App cli(help.description);
  cli.add_flag("--quick", line.quick, help.quick);
  cli.add_flag("--smoke", line.smoke, "As little as shows that it works");
  cli.add_option("--watchers", line.watchers, "How many there are")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1000}))
      ->capture_default_str();
  cli.add_option("--json", line.json_file, help.json)->type_name("FILE");
  CLI11_PARSE(cli, argc, argv);

  setenv("no_proxy", "127.0.0.1", 1);  // ours and the servers'
  try {
    const std::string json = measure(line);
    if (line.json_file.empty()) return 0;
    std::ofstream out(line.json_file);
    out << json;
    if (!out.flush()) throw std::runtime_error("cannot write " + line.json_file);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", help.name, error.what());
    return 1;
  }
}

}  // namespace bench
