#include "channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>

#include "service_config.h"
#include "target.h"

namespace jobstatus {
namespace {

constexpr int kMaxReceiveBytes = 16 * 1024 * 1024;
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
constexpr int kConnectTimeoutMs = 10'000;

std::unexpected<Error> Wrong(std::string message) {
  return std::unexpected(Error{.code = Code::kInvalidArgument, .message = std::move(message)});
}

Result<std::string> ReadFile(const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  if (!file) return Wrong("cannot read " + path + ": " + std::generic_category().message(errno));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

Result<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const ClientOptions& options) {
  if (!options.tls) return grpc::InsecureChannelCredentials();
  Result<std::string> ca = ReadFile(options.ca_file);
  if (!ca) return std::unexpected(ca.error());
  Result<std::string> certificate = ReadFile(options.cert_file);
  if (!certificate) return std::unexpected(certificate.error());
  Result<std::string> key = ReadFile(options.key_file);
  if (!key) return std::unexpected(key.error());
  return grpc::SslCredentials({.pem_root_certs = *ca, .pem_private_key = *key, .pem_cert_chain = *certificate});
}

grpc::ChannelArguments MakeArguments(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  arguments.SetServiceConfigJSON(kServiceConfig);
  // A watch is quiet for long; pings find out that the other end is gone. None without calls: servers count those as
  // abuse.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // The channel waits by itself between connection attempts, by default up to two minutes; attempts of ours would fail
  // without asking the network in that time.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, static_cast<int>(options.backoff.initial.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, static_cast<int>(options.backoff.max.count()));
  // In spite of its name this is the time one connection attempt may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  return arguments;
}

bool IsPrintableAscii(const std::string& text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

}  // namespace

Result<std::shared_ptr<grpc::Channel>> MakeChannel(const ClientOptions& options) {
  if (options.target.empty()) return Wrong("the address of the service is empty");
  // gRPC ends the process over a header value it does not like.
  if (!IsPrintableAscii(options.token)) return Wrong("the token has characters other than printable ASCII");
  if (options.cert_file.empty() != options.key_file.empty())
    return Wrong("a certificate needs its key, and a key its certificate");
  if (options.backoff.initial.count() <= 0 || options.backoff.max < options.backoff.initial ||
      options.backoff.multiplier < 1)
    return Wrong("back-off needs 0 < initial <= max and a multiplier of at least 1");
  auto credentials = MakeCredentials(options);
  if (!credentials) return std::unexpected(credentials.error());
  return grpc::CreateCustomChannel(CompleteTarget(options.target), *credentials, MakeArguments(options));
}

Result<std::unique_ptr<Stub>> OpenChannel(const ClientOptions& options) {
  const auto channel = MakeChannel(options);
  if (!channel) return std::unexpected(channel.error());
  return comfyui::jobstatus::v1::JobStatusService::NewStub(*channel);
}

void Authorize(const std::string& token, grpc::ClientContext& context) {
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
}

}  // namespace jobstatus
