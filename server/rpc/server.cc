#include "rpc/server.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "rpc/health.h"
#include "rpc/loop.h"
#include "rpc/reflection.h"
#include "rpc/service.h"

namespace rpc {

namespace {

std::string ServiceName() {
  return pb::JobStatusService::service_full_name();
}

}  // namespace

struct Server::Parts {
  Parts(board::Board& board, ServiceOptions options) : service(board, options) {}

  // These outlive the server, whose calls use them.
  std::vector<std::unique_ptr<Loop>> loops;
  Service service;
  std::optional<Health> health;
  std::optional<Reflection> reflection;
  std::unique_ptr<grpc::Server> grpc;
  std::string address;
  enum class State { kServing, kDraining, kStopped } state = State::kServing;
};

namespace {

constexpr std::size_t kMaxReflectionStreams = 100;
constexpr int kMaxMetadataBytes = 8 * 1024;  // of a call, a token among them; gRPC's own default

// Watches are quiet by nature. gRPC's defaults ping after two hours, and punish a client that pings a quiet stream more
// than once in five minutes (gRFC A8, doc/keepalive.md).
void SetKeepalive(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 30'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
}

// gRPC pings to find how much a caller may send at once. Requests are small, and it costs a tenth of a message sent.
void LeaveOutProbes(grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
}

// One for each two cores: they, too, run what gRPC does, and those who observe need some. More than one wake each
// other.
unsigned LoopCount() {
  return std::max(std::thread::hardware_concurrency() / 2, 1U);
}

// What is past these gRPC refuses, or makes wait, before a handler is called.
void SetLimits(grpc::ServerBuilder& builder, const ServerOptions& options) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_request_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(options.max_calls_per_connection));
  const ConnectionAge& age = options.watch_times.connection_age;
  if (age.limit == jobs::Duration(0)) return;
  const auto milliseconds = [](jobs::Duration duration) {
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(duration).count());
  };
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, milliseconds(age.limit));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, milliseconds(age.UntilCut()));
}

std::string MadeUpKey() {
  std::array<unsigned char, 32> key{};
  if (RAND_bytes(key.data(), key.size()) != 1) throw std::runtime_error("OpenSSL gives no random numbers");
  return {key.begin(), key.end()};
}

// The address with the port that was got in place of 0.
std::string Bound(const std::string& listen, int port) {
  const std::size_t colon = listen.rfind(':');
  if (listen.starts_with("unix:") || colon == std::string::npos) return listen;
  return listen.substr(0, colon + 1) + std::to_string(port);
}

}  // namespace

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

std::expected<std::unique_ptr<Server>, std::string> Server::Start(board::Board& board, const ServerOptions& options) {
  auto parts = std::make_unique<Parts>(
      board, ServiceOptions{.max_watches = {.in_total = options.max_watches, .per_peer = options.max_watches_per_peer},
                            .max_ids_per_watch = options.max_ids_per_watch,
                            .watch_times = options.watch_times,
                            .on_failed_call = options.on_failed_call,
                            .page_token_key = options.page_token_key.empty() ? MadeUpKey() : options.page_token_key});
  const auto credentials = MakeCredentials(options.tls);
  if (!credentials) return std::unexpected(credentials.error().text);
  parts->service.SetTokens(options.tokens);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, *credentials, &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // two servers on one port would share its callers
  SetLimits(builder, options);
  SetKeepalive(builder);
  LeaveOutProbes(builder);
  builder.RegisterService(&parts->service);
  parts->health.emplace(board, ServiceName(), options.max_health_watches);
  builder.RegisterService(&*parts->health);
  if (options.reflection) {
    parts->reflection.emplace(std::vector{ServiceName(), std::string(health::Health::service_full_name())},
                              kMaxReflectionStreams);
    for (grpc::Service* const service : parts->reflection->services()) builder.RegisterService(service);
  }
  for (unsigned i = 0; i < LoopCount(); ++i)
    parts->loops.push_back(std::make_unique<Loop>(builder.AddCompletionQueue()));
  parts->grpc = builder.BuildAndStart();
  if (!parts->grpc || (port == 0 && !options.listen.starts_with("unix:"))) {
    return std::unexpected("cannot listen on " + options.listen + ": is the address right, and is the port free?");
  }
  parts->address = Bound(options.listen, port);
  parts->service.Start(parts->loops);
  parts->health->Start(*parts->loops.front());
  if (parts->reflection) parts->reflection->Start(*parts->loops.front());
  for (const auto& loop : parts->loops) loop->Start();
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::~Server() {
  if (parts_->state != Parts::State::kStopped) Stop(jobs::Duration(0));
}

const std::string& Server::address() const {
  return parts_->address;
}

const Calls& Server::calls() const {
  return parts_->service.calls();
}

const LimitsMet& Server::limits_met() const {
  return parts_->service.limits_met();
}

void Server::SetTokens(std::shared_ptr<const Tokens> tokens) {
  parts_->service.SetTokens(std::move(tokens));
}

std::shared_ptr<const Tokens> Server::tokens() const {
  return parts_->service.tokens();
}

void Server::Drain() {
  assert(parts_->state == Parts::State::kServing);
  parts_->state = Parts::State::kDraining;
  parts_->health->Drain();
  parts_->service.Drain();
  if (parts_->reflection) parts_->reflection->Drain();
}

void Server::Stop(jobs::Duration grace) {
  assert(parts_->state != Parts::State::kStopped);
  if (parts_->state == Parts::State::kServing) Drain();
  parts_->state = Parts::State::kStopped;
  parts_->grpc->Shutdown(std::chrono::system_clock::now() + grace);
  for (const auto& loop : parts_->loops) loop->Stop();
}

}  // namespace rpc
