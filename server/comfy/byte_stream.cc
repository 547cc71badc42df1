#include "comfy/byte_stream.h"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/teardown.hpp>

namespace comfy {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using jobs::BackendError;

namespace {

// A socket with timeouts.
using Tcp = beast::basic_stream<asio::ip::tcp, ByteStream::executor_type>;
using Tls = beast::ssl_stream<Tcp>;

// What cannot be loaded trusts nobody; `failed` says why.
asio::ssl::context TlsContext(const HttpOptions& http, error_code& failed) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  context.set_verify_mode(asio::ssl::verify_peer);
  if (http.ca_file.empty()) {
    context.set_default_verify_paths(failed);
  } else {
    context.load_verify_file(http.ca_file, failed);
  }
  return context;
}

}  // namespace

BackendError ErrorOf(const error_code& code, const std::string& doing) {
  BackendError error;
  error.detail = doing + ": " + code.message();
  if (code == beast::error::timeout) error.kind = BackendError::Kind::kTimeout;
  return error;
}

class ByteStream::Wire {
 public:
  virtual ~Wire() = default;
  virtual Tcp& tcp() = 0;
  virtual std::expected<void, BackendError> Prepare() { return {}; }
  virtual asio::awaitable<void> Handshake(const std::string& /*host*/, error_code& /*failed*/) { co_return; }
  virtual void Read(const Pieces<asio::mutable_buffer>& into, Done done) = 0;
  virtual void Write(const Pieces<asio::const_buffer>& from, Done done) = 0;
  virtual void TearDown(beast::role_type role, TornDown done) = 0;
};

class ByteStream::TcpWire final : public ByteStream::Wire {
 public:
  explicit TcpWire(asio::io_context& io) : tcp_(io) {}

  Tcp& tcp() override { return tcp_; }
  void Read(const Pieces<asio::mutable_buffer>& into, Done done) override {
    tcp_.async_read_some(into, std::move(done));
  }
  void Write(const Pieces<asio::const_buffer>& from, Done done) override {
    tcp_.async_write_some(from, std::move(done));
  }
  void TearDown(beast::role_type role, TornDown done) override { async_teardown(role, tcp_, std::move(done)); }

 private:
  Tcp tcp_;
};

class ByteStream::TlsWire final : public ByteStream::Wire {
 public:
  TlsWire(asio::io_context& io, const HttpOptions& http)
      : context_(TlsContext(http, trust_failed_)), tls_(io, context_) {}

  Tcp& tcp() override { return tls_.next_layer(); }

  std::expected<void, BackendError> Prepare() override {
    if (trust_failed_) return std::unexpected(ErrorOf(trust_failed_, "loading the authorities to trust"));
    return {};
  }

  asio::awaitable<void> Handshake(const std::string& host, error_code& failed) override {
    error_code is_name;
    asio::ip::make_address(host, is_name);
    if (is_name) SSL_set_tlsext_host_name(tls_.native_handle(), host.c_str());
    tls_.set_verify_callback(asio::ssl::host_name_verification(host));
    co_await tls_.async_handshake(asio::ssl::stream_base::client, Into(failed));
  }

  void Read(const Pieces<asio::mutable_buffer>& into, Done done) override {
    tls_.async_read_some(into, std::move(done));
  }
  void Write(const Pieces<asio::const_buffer>& from, Done done) override {
    tls_.async_write_some(from, std::move(done));
  }
  void TearDown(beast::role_type role, TornDown done) override { async_teardown(role, tls_, std::move(done)); }

 private:
  error_code trust_failed_;
  // The authorities to trust take a megabyte, and 20 ms of the thread that serves all backends.
  asio::ssl::context context_;
  Tls tls_;
};

std::unique_ptr<ByteStream::Wire> ByteStream::MakeWire(asio::io_context& io, const HttpOptions& http) {
  if (http.address.secure()) return std::make_unique<TlsWire>(io, http);
  return std::make_unique<TcpWire>(io);
}

ByteStream::ByteStream(asio::io_context& io, const HttpOptions& http)
    : io_(io), http_(http), resolver_(io), wire_(MakeWire(io, http)) {}

ByteStream::~ByteStream() = default;

asio::awaitable<std::expected<void, BackendError>> ByteStream::Open(jobs::Duration connect_timeout,
                                                                    jobs::Duration handshake_timeout) {
  if (auto prepared = wire_->Prepare(); !prepared) co_return prepared;
  error_code failed;
  const std::string& host = http_.address.host();
  const auto endpoints = co_await resolver_.async_resolve(host, http_.address.port(), Into(failed));
  if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "looking up " + host));
  Tcp& tcp = wire_->tcp();
  tcp.expires_after(connect_timeout);
  co_await tcp.async_connect(endpoints, Into(failed));
  if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "connecting the WebSocket"));
  error_code too_late;  // a connection that is gone again is noticed by the next step
  tcp.socket().set_option(asio::ip::tcp::no_delay(true), too_late);
  tcp.expires_after(handshake_timeout);
  co_await wire_->Handshake(host, failed);
  if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "the TLS handshake of the WebSocket"));
  tcp.expires_never();
  co_return std::expected<void, BackendError>();
}

void ByteStream::Read(const Pieces<asio::mutable_buffer>& into, Done done) {
  wire_->Read(into, std::move(done));
}

void ByteStream::Write(const Pieces<asio::const_buffer>& from, Done done) {
  wire_->Write(from, std::move(done));
}

void ByteStream::TearDown(beast::role_type role, TornDown done) {
  wire_->TearDown(role, std::move(done));
}

void ByteStream::Close() {
  closed_ = true;
  resolver_.cancel();
  wire_->tcp().close();
}

// A step may have succeeded just before the end, which then met nothing that it could end.
bool ByteStream::Failed(error_code& code) const {
  if (!code && closed_) code = asio::error::operation_aborted;
  return code.failed();
}

}  // namespace comfy
