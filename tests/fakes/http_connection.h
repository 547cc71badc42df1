#pragma once

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fakes/http_message.h"

namespace fakes {

// One connection of an HttpServer, the `ordinal`th from 1. Lives on the server's thread only.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Handler = std::function<Answer(const Request&)>;
  using Gone = std::function<void(int ordinal)>;
  using Upgrade = boost::beast::http::request<boost::beast::http::string_body>;
  // What becomes of the connection when the answer is Delivery::Kind::kWebSocket.
  using MoveOn = std::function<void(boost::asio::ip::tcp::socket, int ordinal, Upgrade, const Request&, const Answer&)>;

  HttpConnection(boost::asio::ip::tcp::socket socket, int ordinal, const Handler& handler, const MoveOn& move_on,
                 Gone gone, std::atomic<uint64_t>& sent_bytes);

  void Read();
  void Close();
  bool hangs() const { return hangs_; }

 private:
  void OnRead();
  Request TakeRequest();
  void Send(const Request& request, Answer answer);
  void SendBody(const Answer& answer, std::string head, std::string body);
  void Write(std::string bytes, std::function<void()> next);
  void Drip();
  void Stream(uint64_t bytes_left);
  void Done();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  const int ordinal_;
  const Handler& handler_;
  const MoveOn& move_on_;
  const Gone gone_;
  std::atomic<uint64_t>& sent_bytes_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  Upgrade upgrade_;   // the request, when it is one
  std::string out_;   // being written
  std::string drip_;  // still to be dripped
  Delivery delivery_;
  bool close_after_ = false;
  bool hangs_ = false;
};

}  // namespace fakes
