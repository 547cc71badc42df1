#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <array>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "comfy/http_client.h"
#include "jobs/backend_error.h"
#include "jobs/time.h"

namespace comfy {

// Makes an operation of Asio awaitable, its error a value.
inline auto Into(boost::system::error_code& failed) {
  return boost::asio::redirect_error(boost::asio::use_awaitable, failed);
}

// What failed in terms of a backend; `doing` says at what.
jobs::BackendError ErrorOf(const boost::system::error_code& code, const std::string& doing);

// The bytes under a WebSocket: a TCP connection, or TLS over one, as the address says. One type for both, since Beast's
// WebSocket is compiled for each type of stream and each of their callbacks, which takes a minute. Meets Beast's
// AsyncStream, and tears itself down as Beast wants it from streams of others (<boost/beast/websocket/teardown.hpp>).
// Lives on the event loop's thread. The object must outlive the coroutines of its functions, and `http` the object.
class ByteStream {
 public:
  using executor_type = boost::asio::io_context::executor_type;

  ByteStream(boost::asio::io_context& io, const HttpOptions& http);
  ~ByteStream();

  executor_type get_executor() { return io_.get_executor(); }

  // Looks up the host, connects to it, and shakes hands over TLS.
  boost::asio::awaitable<std::expected<void, jobs::BackendError>> Open(jobs::Duration connect_timeout,
                                                                       jobs::Duration handshake_timeout);

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this, into = FirstOf<boost::asio::mutable_buffer>(buffers)](auto&& handler) {
          Read(into, std::forward<decltype(handler)>(handler));
        },
        token);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this, from = FirstOf<boost::asio::const_buffer>(buffers)](auto&& handler) {
          Write(from, std::forward<decltype(handler)>(handler));
        },
        token);
  }

  // Ends everything under way with an error, also what is yet to come of Open.
  void Close();
  bool closed() const { return closed_; }

 private:
  using Done = std::move_only_function<void(boost::system::error_code, std::size_t)>;
  using TornDown = std::move_only_function<void(boost::system::error_code)>;
  // So many pieces at most are read or written at once; those that are not there are empty.
  template <class Buffer>
  using Pieces = std::array<Buffer, 4>;

  template <class Buffer, class Buffers>
  static Pieces<Buffer> FirstOf(const Buffers& buffers) {
    Pieces<Buffer> pieces;
    auto piece = pieces.begin();
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end && piece != pieces.end(); ++it) {
      const Buffer next = *it;
      if (next.size() > 0) *piece++ = next;
    }
    return pieces;
  }

  void Read(const Pieces<boost::asio::mutable_buffer>& into, Done done);
  void Write(const Pieces<boost::asio::const_buffer>& from, Done done);
  void TearDown(boost::beast::role_type role, TornDown done);
  bool Failed(boost::system::error_code& code) const;

  friend void beast_close_socket(ByteStream& stream) { stream.Close(); }
  template <class Handler>
  friend void async_teardown(boost::beast::role_type role, ByteStream& stream, Handler&& handler) {
    stream.TearDown(role, std::forward<Handler>(handler));
  }

  class Wire;
  class TcpWire;
  class TlsWire;
  static std::unique_ptr<Wire> MakeWire(boost::asio::io_context& io, const HttpOptions& http);

  boost::asio::io_context& io_;
  const HttpOptions& http_;
  boost::asio::ip::tcp::resolver resolver_;
  std::unique_ptr<Wire> wire_;
  bool closed_ = false;
};

}  // namespace comfy
