#include "comfy/web_socket.h"

#include <openssl/evp.h>

#include <array>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <vector>

#include "comfy/byte_stream.h"

namespace comfy {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using jobs::BackendError;

namespace {

// Compression, which nobody is offered here, is code that takes long to compile.
constexpr bool kDeflate = false;

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

}  // namespace

struct WebSocket::Parts {
  Parts(asio::io_context& io, const HttpOptions& http_options, WebSocketLimits its_limits)
      : http(http_options), limits(its_limits), socket(io, http) {}

  const HttpOptions& http;
  const WebSocketLimits limits;
  websocket::stream<ByteStream, kDeflate> socket;
  std::array<char, 64 * 1024> chunk;

  ByteStream& bytes() { return socket.next_layer(); }

  void SetTimeouts(jobs::Duration handshake, std::chrono::steady_clock::duration idle) {
    websocket::stream_base::timeout timeout{};
    timeout.handshake_timeout = handshake;
    timeout.idle_timeout = idle;
    timeout.keep_alive_pings = idle != websocket::stream_base::none();
    socket.set_option(timeout);
  }
};

WebSocket::WebSocket(asio::io_context& io, const HttpOptions& http, WebSocketLimits limits)
    : parts_(std::make_unique<Parts>(io, http, limits)) {}

WebSocket::~WebSocket() = default;

WebSocket::Result<void> WebSocket::Open(std::string path_and_query) {
  Parts& the = *parts_;
  if (auto opened = co_await the.bytes().Open(the.limits.connect_timeout, the.limits.handshake_timeout); !opened) {
    co_return opened;
  }
  the.SetTimeouts(the.limits.handshake_timeout, the.limits.idle_timeout);
  the.socket.set_option(
      websocket::stream_base::decorator([&the](websocket::request_type& request) { SetHeaders(the.http, request); }));
  the.socket.read_message_max(0);  // longer ones are passed over instead of ending the socket
  const Address& address = the.http.address;
  error_code failed;
  websocket::response_type answer;
  co_await the.socket.async_handshake(answer, address.authority(), address.path() + path_and_query, Into(failed));
  if (failed == websocket::error::upgrade_declined) {
    const int status = answer.result_int() > 0 ? static_cast<int>(answer.result_int()) : 0;
    co_return std::unexpected(
        BackendError{.kind = BackendError::Kind::kHttpError,
                     .http_status = status,
                     .detail = "the WebSocket was refused with HTTP status " + std::to_string(status)});
  }
  // It may have been taken up just before the end, which then met nothing that it could end.
  if (!failed && the.bytes().closed()) failed = asio::error::operation_aborted;
  if (failed) co_return std::unexpected(ErrorOf(failed, "the WebSocket handshake"));
  // The next handshake is the closing one, whoever begins it.
  the.SetTimeouts(the.limits.close_timeout, the.limits.idle_timeout);
  co_return std::expected<void, BackendError>();
}

WebSocket::Result<void> WebSocket::Read(Body& text) {
  Parts& the = *parts_;
  error_code failed;
  while (true) {
    text.Clear();
    bool keep = true;
    do {
      const std::size_t bytes = co_await the.socket.async_read_some(asio::buffer(the.chunk), Into(failed));
      if (failed) co_return std::unexpected(ErrorOf(failed, "reading the WebSocket"));
      keep = keep && the.socket.got_text() && text.Append({the.chunk.data(), bytes}, the.limits.max_message_bytes);
    } while (!the.socket.is_message_done());
    if (keep) co_return std::expected<void, BackendError>();
  }
}

WebSocket::Result<void> WebSocket::Send(std::string text) {
  error_code failed;
  parts_->socket.text(true);
  co_await parts_->socket.async_write(asio::buffer(text), Into(failed));
  if (failed) co_return std::unexpected(ErrorOf(failed, "writing to the WebSocket"));
  co_return std::expected<void, BackendError>();
}

asio::awaitable<void> WebSocket::Close() {
  Parts& the = *parts_;
  the.SetTimeouts(the.limits.close_timeout, websocket::stream_base::none());
  error_code failed;  // however it ended, it is closed
  co_await the.socket.async_close(websocket::close_code::normal, Into(failed));
  Drop();
}

void WebSocket::Drop() {
  parts_->bytes().Close();
}

}  // namespace comfy
