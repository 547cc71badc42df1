#include <curl/curl.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "app/config.h"
#include "app/logged_observations.h"
#include "app/observers.h"
#include "app/signals.h"
#include "board/board.h"
#include "rpc/server.h"

namespace {

void SetUpLog(const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("jobstatus"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
}

std::vector<board::BackendConfig> BoardConfig(const app::Config& config) {
  std::vector<board::BackendConfig> backends;
  for (const app::BackendOptions& backend : config.backends)
    backends.push_back({backend.name, backend.http.address.url()});
  return backends;
}

// Revisions grow over restarts too, as long as fewer than a million changes a second happen and the clock is not set
// back.
std::uint64_t FirstRevision() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

// Complete once it is there: whoever waits for the file never reads half an address.
bool WriteAddressFile(const std::string& file, const std::string& address) {
  const std::string unfinished = file + ".tmp";
  std::ofstream out(unfinished, std::ios::trunc);
  out << address << '\n';
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(unfinished, file, error);
  return out && !error;
}

}  // namespace

int main(int argc, char** argv) {
  const auto config = app::ReadConfig(argc, argv);
  if (!config) {
    std::fputs(config.error().text.c_str(), config.error().exit_code == 0 ? stdout : stderr);
    return config.error().exit_code;
  }
  SetUpLog(config->log_level);
  app::BlockSignals();
  curl_global_init(CURL_GLOBAL_DEFAULT);

  board::Board board(BoardConfig(*config), config->limits, FirstRevision());
  app::LoggedObservations observations(board);
  app::Observers observers(*config, observations, board);
  const auto server = rpc::Server::Start(board, config->server);
  if (!server) {
    spdlog::error("{}", server.error());
    return 1;
  }
  observers.Start();
  spdlog::info("taking calls on {}", (*server)->address());
  for (const app::BackendOptions& backend : config->backends) {
    spdlog::info("backend {}: watching {}", backend.name, backend.http.address.url());
  }
  if (!config->address_file.empty() && !WriteAddressFile(config->address_file, (*server)->address())) {
    spdlog::error("cannot write the address to {}", config->address_file);
    return 1;
  }

  const int signal = app::WaitForSignal();
  spdlog::info("signal {}: ending all streams; a second signal kills", signal);
  (*server)->Drain();
  observers.Stop();
  (*server)->Stop(config->drain_grace);
  spdlog::info("ended");
  return 0;
}
