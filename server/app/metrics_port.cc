#include "app/metrics_port.h"

#include "app/loopback.h"
#include "comfy/clock.h"

namespace app {
namespace {

// Why jobs are not shown there; empty: they are.
std::string WhyNoPage(const Config& config) {
  if (!IsLoopback(config.metrics_listen) && !config.insecure_page)
    return "jobs are shown to this machine only; --insecure-page shows them to others, too, in plain text";
  // Certificates are checked by gRPC alone.
  if (!config.server.tls.client_ca.empty() && config.token_file.empty())
    return "only callers with a certificate may know of jobs, and here none can be checked; with --token-file this "
           "page "
           "asks for a token";
  return "";
}

// By the names of the options; where one limit has two consequences, the milder one has a name of its own.
std::vector<std::pair<std::string, std::uint64_t>> LimitsMet(const board::Board& board, const rpc::Server& server) {
  const rpc::LimitsMet& calls = server.limits_met();
  const board::Board::Met met = board.met();
  return {{"max_watches", calls.max_watches},
          {"max_watches_per_peer", calls.max_watches_per_peer},
          {"max_ids_per_watch", calls.max_ids_per_watch},
          {"write_stall_limit", calls.write_stall_limit},
          {"max_connection_age", calls.max_connection_age},
          {"max_lookups_per_second", met.lookups_refused},
          {"max_lookups_per_second_waited", met.lookups_delayed},
          {"max_backend_memory", met.statuses_evicted}};
}

}  // namespace

std::expected<std::unique_ptr<web::Server>, std::string> StartMetricsPort(const Config& config,
                                                                          const board::Board& board,
                                                                          const Observers& observers,
                                                                          const archive::Archive* archive,
                                                                          const rpc::Server& server) {
  if (config.metrics_listen.empty()) return nullptr;
  const web::ServerOptions options{.listen = config.metrics_listen,
                                   .local = IsLoopback(config.metrics_listen),
                                   .page_refused = WhyNoPage(config),
                                   .may_see_jobs = [&server](const std::string& authorization) {
                                     const auto tokens = server.tokens();
                                     return tokens == nullptr || tokens->Allows(authorization);
                                   }};
  auto port = web::Server::Start(options, board, [&board, &observers, archive, &server] {
    web::Readings readings{.now = comfy::WallNow(),
                           .board = board.Read(),
                           .traffic = observers.traffic(),
                           .archive = std::nullopt,
                           .calls = server.calls().Read(),
                           .limits_met = LimitsMet(board, server),
                           .process = web::ReadProcess()};
    if (archive != nullptr) readings.archive = archive->Read();
    return readings;
  });
  if (!port) return std::unexpected("--metrics-listen: " + port.error());
  return port;
}

std::string DescribeMetricsPort(const Config& config, const web::Server& port) {
  const std::string where = "metrics are at http://" + port.address() + "/metrics";
  if (!WhyNoPage(config).empty()) return where + "; the page of jobs is not shown there";
  return where + ", and a page of jobs at http://" + port.address() + "/, for " +
         (config.token_file.empty() ? "anybody" : "whoever has a token");
}

}  // namespace app
