#pragma once

#include <cstdint>
#include <string>

namespace bench {

// What a benchmark tells a server that it starts. One for all, whether they need it or not: reading it takes long to
// compile.
struct ServerOptions {
  std::string address_file;  // where it writes HOST:PORT when it serves
  int jobs = 100;
  std::uint16_t comfyui_port = 0;
};

// Ends the program where the command line is wrong.
ServerOptions ReadServerOptions(const char* description, int argc, char** argv);

}  // namespace bench
