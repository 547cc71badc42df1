#include <curl/curl.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <fstream>
#include <memory>

#include "app/config.h"
#include "app/logged_observations.h"
#include "app/loopback.h"
#include "app/observers.h"
#include "app/signals.h"
#include "app/token_file.h"
#include "archive/archive.h"
#include "board/board.h"
#include "comfy/clock.h"
#include "rpc/server.h"

namespace {

void SetUpLog(const std::string& level) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("jobstatus"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::set_level(spdlog::level::from_str(level));
}

std::vector<jobs::BackendName> BackendNames(const app::Config& config) {
  std::vector<jobs::BackendName> backends;
  for (const app::BackendOptions& backend : config.backends)
    backends.push_back({backend.name, backend.http.address.url()});
  return backends;
}

// What is kept in the state directory; null when nothing is to be. The error is a sentence for a person.
std::expected<std::unique_ptr<archive::Archive>, std::string> OpenArchive(const app::Config& config) {
  if (config.state_dir.empty()) return nullptr;
  return archive::Archive::Open(
      {.directory = config.state_dir,
       .retention = config.retention,
       .now = comfy::WallNow,
       .on_trouble = [](const std::string& what,
                        bool is_over) { spdlog::log(is_over ? spdlog::level::info : spdlog::level::err, "{}", what); }},
      BackendNames(config));
}

// Without an archive revisions grow over restarts as long as fewer than a million changes a second happen and the clock
// is not set back.
std::uint64_t FirstRevision(const archive::Archive* archive) {
  if (archive != nullptr) return archive->remembered().revision;
  return static_cast<std::uint64_t>(comfy::WallNow().time_since_epoch().count());
}

board::Past PastOf(archive::Archive* archive) {
  if (archive == nullptr) return {};
  const archive::Remembered& remembered = archive->remembered();
  return {.archive = archive,
          .newest_verdict = remembered.newest_verdict,
          .unfinished = remembered.unfinished,
          .former_backends = remembered.former_backends};
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

// From the first call taken to the last one ended; the exit code.
int Serve(const app::Config& config, archive::Archive* archive) {
  board::Board board(BackendNames(config), config.limits, FirstRevision(archive), PastOf(archive));
  app::LoggedObservations observations(board);
  app::Observers observers(config, archive != nullptr ? &archive->remembered() : nullptr, observations, board);
  rpc::ServerOptions options = config.server;
  if (archive != nullptr) options.page_token_key = archive->remembered().secret;
  const auto server = rpc::Server::Start(board, options);
  if (!server) {
    spdlog::error("{}", server.error());
    return 1;
  }
  if (archive != nullptr) archive->Start(board);
  observers.Start();
  spdlog::info("taking calls on {}, {}, from {}", (*server)->address(),
               options.tls.cert.empty()        ? "in plain text"
               : options.tls.client_ca.empty() ? "encrypted"
                                               : "encrypted both ways",
               options.tokens == nullptr ? "anybody" : "whoever has a token");
  if (options.tls.cert.empty() && !app::IsLoopback(options.listen)) {
    spdlog::warn("--insecure-listen: other machines may call, and whoever is on the way can read {}",
                 options.tokens == nullptr ? "every call" : "every call and its token, and call with it");
  }
  for (const app::BackendOptions& backend : config.backends) {
    spdlog::info("backend {}: watching {}", backend.name, backend.http.address.url());
  }
  const bool announced = config.address_file.empty() || WriteAddressFile(config.address_file, (*server)->address());
  app::TokenFile tokens(config.token_file, options.tokens, **server);
  if (announced) {
    const int signal = app::WaitForSignal([&] { tokens.ReadAgain(); }, [&] { tokens.Look(); });
    spdlog::info("signal {}: ending all streams; a second signal kills", signal);
  } else {
    spdlog::error("cannot write the address to {}", config.address_file);
  }
  (*server)->Drain();
  observers.Stop();
  if (archive != nullptr) archive->Stop();
  (*server)->Stop(config.drain_grace);
  spdlog::info("ended");
  return announced ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto config = app::ReadConfig(argc, argv);
  if (!config) {
    std::fputs(config.error().text.c_str(), config.error().exit_code == 0 ? stdout : stderr);
    return config.error().exit_code;
  }
  SetUpLog(config->log_level);
  for (const std::string& setting : config->settings) spdlog::info("setting {}", setting);
  app::BlockSignals();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto archive = OpenArchive(*config);
  if (!archive) {
    spdlog::error("{}", archive.error());
    return 1;
  }
  if (*archive == nullptr) {
    spdlog::warn("--state-dir=none: nothing that is known now will survive a restart");
  } else {
    const archive::Remembered& remembered = (*archive)->remembered();
    const auto followed = std::ranges::count_if(remembered.unfinished, [&](const jobs::JobStatus& status) {
      return remembered.last_in_history.contains(status.backend);  // configured
    });
    spdlog::info("state in {}: {} unfinished jobs of before are looked up first", config->state_dir.string(), followed);
  }
  return Serve(*config, archive->get());
}
