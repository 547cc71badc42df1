#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <fstream>
#include <memory>

#include "app/config.h"
#include "app/log.h"
#include "app/logged_calls.h"
#include "app/logged_observations.h"
#include "app/loopback.h"
#include "app/metrics_port.h"
#include "app/observers.h"
#include "app/service_manager.h"
#include "app/signals.h"
#include "app/tls_files.h"
#include "app/token_file.h"
#include "archive/archive.h"
#include "board/board.h"
#include "comfy/clock.h"
#include "rpc/server.h"

namespace {

using namespace std::chrono_literals;

std::vector<jobs::BackendName> BackendNames(const app::Config& config) {
  std::vector<jobs::BackendName> backends;
  for (const app::BackendOptions& backend : config.backends)
    backends.push_back({backend.name, backend.http.address.url()});
  return backends;
}

// What is kept in the state directory; null when nothing is to be. The error is a sentence for a person.
std::expected<std::unique_ptr<archive::Archive>, std::string> OpenArchive(const app::Config& config, app::Log& log) {
  if (config.state_dir.empty()) return nullptr;
  return archive::Archive::Open({.directory = config.state_dir,
                                 .retention = config.retention,
                                 .now = comfy::WallNow,
                                 .on_trouble =
                                     [&log](const std::string& what, bool is_over) {
                                       log.WriteSparingly(is_over ? app::Log::Level::kInfo : app::Log::Level::kError,
                                                          is_over ? "archive_works" : "archive_trouble", what);
                                     }},
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

// Whoever waits for the file does not find it once no more is taken. One that another server has written stays.
void RemoveAddressFile(const std::string& file, const std::string& address) {
  std::ifstream in(file);
  std::error_code ignored;  // nobody is helped by it
  if (std::string line; std::getline(in, line) && line == address) std::filesystem::remove(file, ignored);
}

// Looks after what may change meanwhile until SIGINT or SIGTERM comes, whose number it returns.
int AwaitEnd(const app::Config& config, rpc::Server& server, const board::Board& board, app::Log& log) {
  app::TokenFile tokens(config.token_file, config.server.tokens, server, log);
  app::TlsFilesLook tls_files(config.server.tls, log);
  app::ServiceManager manager;
  const auto look = [&] {
    tokens.Look();
    tls_files.Look();
    manager.Status(app::StatusLine(board.Backends()));  // a board that does not answer is not alive
    manager.Alive();
  };
  const auto reload = [&] {
    manager.Reloading();
    tokens.ReadAgain();
    manager.Ready();
  };
  manager.Ready();
  look();
  const int signal =
      app::WaitForSignal(std::min<jobs::Duration>(1s, manager.patience().value_or(2s) / 2), reload, look);
  manager.Stopping();
  manager.Status("ending all streams");
  return signal;
}

bool Announce(const std::string& file, const std::string& address) {
  return file.empty() || WriteAddressFile(file, address);
}

// From the first call taken to the last one ended; the exit code.
int Serve(const app::Config& config, archive::Archive* archive, app::Log& log) {
  board::Board board(BackendNames(config), config.limits, FirstRevision(archive), PastOf(archive));
  app::LoggedObservations observations(board, log);
  app::Observers observers(config, archive != nullptr ? &archive->remembered() : nullptr, observations, board);
  rpc::ServerOptions options = config.server;
  options.on_failed_call = [&log](const rpc::FailedCall& call) { app::LogFailedCall(log, call); };
  if (archive != nullptr) options.page_token_key = archive->remembered().secret;
  const auto server = rpc::Server::Start(board, options);
  if (!server) {
    log.Error("cannot_listen", server.error());
    return 1;
  }
  const auto metrics = app::StartMetricsPort(config, board, observers, archive, **server);
  if (!metrics) {
    log.Error("cannot_listen", metrics.error());
    return 1;
  }
  if (archive != nullptr) archive->Start(board);
  observers.Start();
  const std::string& address = (*server)->address();
  log.Info("serving",
           fmt::format("taking calls on {}, {}, from {}", address,
                       options.tls.cert.empty()        ? "in plain text"
                       : options.tls.client_ca.empty() ? "encrypted"
                                                       : "encrypted both ways",
                       options.tokens == nullptr ? "anybody" : "whoever has a token"),
           {{"address", address}});
  if (options.tls.cert.empty() && !app::IsLoopback(options.listen)) {
    log.Warn("insecure_listen",
             fmt::format("--insecure-listen: other machines may call, and whoever is on the way can read {}",
                         options.tokens == nullptr ? "every call" : "every call and its token, and call with it"));
  }
  for (const app::BackendOptions& backend : config.backends) {
    const std::string url = backend.http.address.url();
    log.Info("backend_watched", fmt::format("backend {}: watching {}", backend.name, url),
             {{"backend", backend.name}, {"url", url}});
  }
  if (*metrics != nullptr) {
    log.Info("serving_metrics", app::DescribeMetricsPort(config, **metrics), {{"address", (*metrics)->address()}});
    if (!app::IsLoopback(config.metrics_listen) && config.insecure_page) {
      log.Warn(
          "insecure_page",
          fmt::format("--insecure-page: other machines may look at jobs, and whoever is on the way can read {}",
                      options.tokens == nullptr ? "what they see" : "what they see and the token, and call with it"));
    }
  }
  const bool announced = (*metrics == nullptr || Announce(config.metrics_address_file, (*metrics)->address())) &&
                         Announce(config.address_file, address);
  if (announced) {
    const int signal = AwaitEnd(config, **server, board, log);
    RemoveAddressFile(config.address_file, address);
    if (*metrics != nullptr) RemoveAddressFile(config.metrics_address_file, (*metrics)->address());
    log.Info("draining", fmt::format("signal {}: ending all streams; a second signal kills", signal));
  } else {
    log.Error("address_file_unwritable",
              "cannot write the address to " + config.address_file +
                  (config.metrics_address_file.empty() ? "" : " or " + config.metrics_address_file));
  }
  if (*metrics != nullptr) (*metrics)->Stop();
  (*server)->Drain();
  observers.Stop();
  if (archive != nullptr) archive->Stop();
  (*server)->Stop(config.drain_grace);
  log.Info("ended", "ended");
  return announced ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const auto config = app::ReadConfig(argc, argv);
  if (!config) {
    std::fputs(config.error().text.c_str(), config.error().exit_code == 0 ? stdout : stderr);
    return config.error().exit_code;
  }
  app::Log log(config->log_format, config->log_level);
  for (const std::string& setting : config->settings) log.Info("setting", "setting " + setting);
  app::BlockSignals();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const auto archive = OpenArchive(*config, log);
  if (!archive) {
    log.Error("archive_unusable", archive.error());
    return 1;
  }
  if (*archive == nullptr) {
    log.Warn("no_archive", "--state-dir=none: nothing that is known now will survive a restart");
  } else {
    const archive::Remembered& remembered = (*archive)->remembered();
    const auto followed = std::ranges::count_if(remembered.unfinished, [&](const jobs::JobStatus& status) {
      return remembered.last_in_history.contains(status.backend);  // configured
    });
    log.Info("archive_opened", fmt::format("state in {}: {} unfinished jobs of before are looked up first",
                                           config->state_dir.string(), followed));
  }
  return Serve(*config, archive->get(), log);
}
