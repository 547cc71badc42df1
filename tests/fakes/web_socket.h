#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/http_message.h"
#include "fakes/socket_event.h"

namespace fakes {

class WebSocket;

// Who is told what happens to the WebSockets of an HttpServer; on the server's thread.
class SocketListener {
 public:
  virtual void OnOpen(const std::shared_ptr<WebSocket>& socket, const Request& request) = 0;
  virtual void OnText(const WebSocket& socket, const std::string& text) = 0;
  virtual void OnPing(const WebSocket& socket) = 0;
  virtual void OnWritten(const WebSocket& socket) = 0;  // a message has left; perhaps not the last one
  virtual void OnGone(const WebSocket& socket) = 0;     // the last call for this socket; only after OnOpen

 protected:
  ~SocketListener() = default;
};

// The server's end of one WebSocket, which was the `ordinal`th connection. Lives on the server's thread only. Answers
// pings and the peer's close by itself and never pings.
class WebSocket : public std::enable_shared_from_this<WebSocket> {
 public:
  using Upgrade = boost::beast::http::request<boost::beast::http::string_body>;
  using Headers = std::vector<std::pair<std::string, std::string>>;
  using Gone = std::function<void(int ordinal)>;

  WebSocket(boost::asio::ip::tcp::socket socket, int ordinal, SocketListener* listener, Gone gone,
            std::atomic<uint64_t>& sent_bytes);

  // Answers the upgrade, with these headers besides the handshake's.
  void Accept(Upgrade upgrade, Request request, Headers headers);
  void Send(SharedFrame frame);
  // Behind what is being sent: half of a message, then the TCP connection closes.
  void SendHalfAndDrop(std::string_view text);
  // Behind what is being sent: a close frame.
  void SendClose();
  // Closes the TCP connection at once, without a close frame.
  void Drop();

  int ordinal() const { return ordinal_; }
  size_t unsent_bytes() const { return unsent_bytes_; }

 private:
  struct Task {  // of the writer
    enum class Kind { kMessage, kHalfAndDrop, kClose };
    Kind kind;
    SharedFrame frame;
  };

  void Read();
  void Write(Task task);
  void WriteNext();
  void OnWritten(bool failed);
  void End();

  // without compression, which takes long to compile
  boost::beast::websocket::stream<boost::asio::ip::tcp::socket, false> stream_;
  const int ordinal_;
  SocketListener* const listener_;
  const Gone gone_;
  std::atomic<uint64_t>& sent_bytes_;
  Upgrade upgrade_;
  boost::beast::flat_buffer buffer_;
  std::deque<Task> tasks_;  // the first is being done
  size_t unsent_bytes_ = 0;
  bool open_ = false;
};

}  // namespace fakes
