#include "bench/server_options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

namespace bench {

ServerOptions ReadServerOptions(const char* description, int argc, char** argv) {
  ServerOptions options;
  CLI::App cli(description);
  cli.add_option("--address-file", options.address_file)->required();
  cli.add_option("--jobs", options.jobs)->capture_default_str();
  cli.add_option("--comfyui-port", options.comfyui_port);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& wrong) {
    std::exit(cli.exit(wrong));
  }
  return options;
}

}  // namespace bench
