#include "comfy/web_socket.h"

#include <openssl/evp.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <optional>
#include <type_traits>
#include <variant>
#include <vector>

namespace comfy {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using jobs::BackendError;

namespace {

// Both kinds of layer end in a socket with timeouts, on the executor that coroutines have.
using Tcp = beast::tcp_stream;
using Tls = beast::ssl_stream<Tcp>;

std::string Base64(const std::string& text) {
  std::vector<unsigned char> encoded((text.size() + 2) / 3 * 4 + 1);
  const int length = EVP_EncodeBlock(encoded.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  return std::string(encoded.begin(), encoded.begin() + length);
}

// The headers that libcurl sends with the HTTP requests: one that is given takes the place of our own.
void SetHeaders(const HttpOptions& http, websocket::request_type& request) {
  request.set("User-Agent", "comfyui-job-status");
  if (!http.bearer_token.empty()) {
    request.set("Authorization", "Bearer " + http.bearer_token);
  } else if (!http.address.user().empty()) {
    request.set("Authorization", "Basic " + Base64(http.address.user() + ":" + http.address.password()));
  }
  const auto name_of = [](const std::string& header) { return header.substr(0, header.find(':')); };
  for (const std::string& header : http.headers) request.erase(name_of(header));
  for (const std::string& header : http.headers) {
    const std::string name = name_of(header);
    const std::size_t value = header.find_first_not_of(" \t", name.size() + 1);
    if (value != std::string::npos) request.insert(name, header.substr(value));
  }
}

// Makes an operation awaitable, its error a value.
auto Into(error_code& failed) {
  return asio::redirect_error(asio::use_awaitable, failed);
}

BackendError ErrorOf(const error_code& code, const std::string& doing) {
  BackendError error;
  error.detail = doing + ": " + code.message();
  if (code == beast::error::timeout) error.kind = BackendError::Kind::kTimeout;
  return error;
}

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

class WebSocket::Wire {
 public:
  virtual ~Wire() = default;
  virtual Result<void> Open(std::string path_and_query) = 0;
  virtual Result<void> Read(Body& text) = 0;
  virtual Result<void> Send(std::string text) = 0;
  virtual asio::awaitable<void> Close() = 0;
  virtual void Drop() = 0;
};

template <class Stream>
class WebSocket::WireOver final : public WebSocket::Wire {
 public:
  WireOver(asio::io_context& io, const HttpOptions& http, WebSocketLimits limits)
      : http_(http),
        limits_(limits),
        tls_(MakeTls(http, trust_failed_)),
        resolver_(io),
        socket_(MakeSocket(io, tls_)) {}

  Result<void> Open(std::string path_and_query) override {
    if (trust_failed_) {
      co_return std::unexpected(ErrorOf(trust_failed_, "loading the authorities to trust"));
    }
    error_code failed;
    const Address& address = http_.address;
    const auto endpoints = co_await resolver_.async_resolve(address.host(), address.port(), Into(failed));
    if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "looking up " + address.host()));
    Tcp& tcp = beast::get_lowest_layer(socket_);
    tcp.expires_after(limits_.connect_timeout);
    co_await tcp.async_connect(endpoints, Into(failed));
    if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "connecting the WebSocket"));
    error_code too_late;  // a connection that is gone again is noticed by the next step
    tcp.socket().set_option(asio::ip::tcp::no_delay(true), too_late);
    tcp.expires_after(limits_.handshake_timeout);
    if constexpr (kTls) {
      error_code is_name;
      asio::ip::make_address(address.host(), is_name);
      if (is_name) SSL_set_tlsext_host_name(socket_.next_layer().native_handle(), address.host().c_str());
      socket_.next_layer().set_verify_callback(asio::ssl::host_name_verification(address.host()));
      co_await socket_.next_layer().async_handshake(asio::ssl::stream_base::client, Into(failed));
      if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "the TLS handshake of the WebSocket"));
    }
    tcp.expires_never();

    SetTimeouts(limits_.handshake_timeout, limits_.idle_timeout);
    socket_.set_option(
        websocket::stream_base::decorator([this](websocket::request_type& request) { SetHeaders(http_, request); }));
    socket_.read_message_max(0);  // longer ones are passed over instead of ending the socket
    websocket::response_type answer;
    co_await socket_.async_handshake(answer, address.authority(), address.path() + path_and_query, Into(failed));
    if (failed == websocket::error::upgrade_declined) {
      const int status = answer.result_int() > 0 ? static_cast<int>(answer.result_int()) : 0;
      co_return std::unexpected(
          BackendError{.kind = BackendError::Kind::kHttpError,
                       .http_status = status,
                       .detail = "the WebSocket was refused with HTTP status " + std::to_string(status)});
    }
    if (Failed(failed)) co_return std::unexpected(ErrorOf(failed, "the WebSocket handshake"));
    SetTimeouts(limits_.close_timeout,
                limits_.idle_timeout);  // the next handshake is the closing one, whoever begins it
    co_return std::expected<void, BackendError>();
  }

  Result<void> Read(Body& text) override {
    error_code failed;
    while (true) {
      text.Clear();
      bool keep = true;
      do {
        const std::size_t bytes = co_await socket_.async_read_some(asio::buffer(chunk_), Into(failed));
        if (failed) co_return std::unexpected(ErrorOf(failed, "reading the WebSocket"));
        keep = keep && socket_.got_text() && text.Append({chunk_.data(), bytes}, limits_.max_message_bytes);
      } while (!socket_.is_message_done());
      if (keep) co_return std::expected<void, BackendError>();
    }
  }

  Result<void> Send(std::string text) override {
    error_code failed;
    socket_.text(true);
    co_await socket_.async_write(asio::buffer(text), Into(failed));
    if (failed) co_return std::unexpected(ErrorOf(failed, "writing to the WebSocket"));
    co_return std::expected<void, BackendError>();
  }

  asio::awaitable<void> Close() override {
    SetTimeouts(limits_.close_timeout, websocket::stream_base::none());
    error_code failed;  // however it ended, it is closed
    co_await socket_.async_close(websocket::close_code::normal, Into(failed));
    Drop();
  }

  void Drop() override {
    dropped_ = true;
    resolver_.cancel();
    beast::get_lowest_layer(socket_).close();
  }

 private:
  void SetTimeouts(jobs::Duration handshake, std::chrono::steady_clock::duration idle) {
    websocket::stream_base::timeout timeout{};
    timeout.handshake_timeout = handshake;
    timeout.idle_timeout = idle;
    timeout.keep_alive_pings = idle != websocket::stream_base::none();
    socket_.set_option(timeout);
  }

  // A step may have succeeded just before the drop, which then met nothing that it could end.
  bool Failed(error_code& code) const {
    if (!code && dropped_) code = asio::error::operation_aborted;
    return code.failed();
  }

  // The authorities to trust take a megabyte, and 20 ms of the thread that serves all backends.
  static constexpr bool kTls = std::is_same_v<Stream, Tls>;
  using MaybeTls = std::conditional_t<kTls, asio::ssl::context, std::monostate>;

  static MaybeTls MakeTls(const HttpOptions& http, error_code& failed) {
    if constexpr (kTls) {
      return TlsContext(http, failed);
    } else {
      return {};
    }
  }

  static websocket::stream<Stream> MakeSocket(asio::io_context& io, MaybeTls& tls) {
    if constexpr (kTls) {
      return websocket::stream<Stream>(io, tls);
    } else {
      return websocket::stream<Stream>(io);
    }
  }

  const HttpOptions& http_;
  const WebSocketLimits limits_;
  error_code trust_failed_;
  MaybeTls tls_;
  asio::ip::tcp::resolver resolver_;
  websocket::stream<Stream> socket_;
  std::array<char, 64 * 1024> chunk_;
  bool dropped_ = false;
};

WebSocket::WebSocket(asio::io_context& io, const HttpOptions& http, WebSocketLimits limits) {
  if (http.address.secure()) {
    wire_ = std::make_unique<WireOver<Tls>>(io, http, limits);
  } else {
    wire_ = std::make_unique<WireOver<Tcp>>(io, http, limits);
  }
}

WebSocket::~WebSocket() = default;

WebSocket::Result<void> WebSocket::Open(std::string path_and_query) {
  return wire_->Open(std::move(path_and_query));
}
WebSocket::Result<void> WebSocket::Read(Body& text) {
  return wire_->Read(text);
}
WebSocket::Result<void> WebSocket::Send(std::string text) {
  return wire_->Send(std::move(text));
}
asio::awaitable<void> WebSocket::Close() {
  return wire_->Close();
}
void WebSocket::Drop() {
  wire_->Drop();
}

}  // namespace comfy
