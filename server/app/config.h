#pragma once

#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "archive/writer.h"
#include "board/board.h"
#include "comfy/http_client.h"
#include "comfy/observer.h"
#include "rpc/server.h"

namespace app {

struct BackendOptions {
  std::string name;
  comfy::HttpOptions http;
  std::string client_id;  // under which its live events are heard
};

// Everything that can be set, checked as a whole.
struct Config {
  std::vector<BackendOptions> backends;
  comfy::ObserverOptions observer;
  std::filesystem::path state_dir;  // empty: nothing survives a restart
  archive::Retention retention;     // there
  board::Limits limits;
  rpc::ServerOptions server;
  std::string token_file;  // of callers' tokens; empty: anybody may call
  jobs::Duration drain_grace = std::chrono::seconds(5);
  std::string address_file;          // where the address listened on is written; empty: nowhere
  std::string metrics_listen;        // HOST:PORT of the metrics port; empty: there is none
  bool insecure_page = false;        // other machines, too, may see the page there
  std::string metrics_address_file;  // as address_file
  std::string log_level = "info";
  std::string log_format = "auto";
  std::vector<std::string> settings;  // those that are not the default, as in a configuration file; without passwords
};

// What the program is to do instead of serving: say `text` and end with `exit_code` (--help, --version, --check-config,
// or a bad setting).
struct Exit {
  int exit_code = 0;
  std::string text;
};

// From the command line, the configuration file and the environment; what comes first in this row wins. Never prints.
std::expected<Config, Exit> ReadConfig(int argc, char** argv);

// What a token file holds, as a value for ServerOptions; also when it is read again. The error names the file.
std::expected<std::shared_ptr<const rpc::Tokens>, std::string> ReadTokens(const std::string& file);

}  // namespace app
