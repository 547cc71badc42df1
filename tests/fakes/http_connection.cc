#include "fakes/http_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <cctype>
#include <ctime>
#include <utility>

namespace fakes {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr uint32_t kMaxHeaderBytes = 128 * 1024;  // over aiohttp's limits, which the handler speaks about
constexpr uint64_t kMaxBodyBytes = 256 * 1024 * 1024;
constexpr uint64_t kStreamChunkBytes = 256 * 1024;

std::string HttpDate() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

std::string Head(const Answer& answer, uint64_t body_bytes) {
  std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " " +
                     std::string(http::obsolete_reason(http::int_to_status(static_cast<unsigned>(answer.status)))) +
                     "\r\n";
  for (const auto& [name, value] : answer.headers) head += name + ": " + value + "\r\n";
  head += answer.chunked ? "Transfer-Encoding: chunked\r\n" : "Content-Length: " + std::to_string(body_bytes) + "\r\n";
  head += "Date: " + HttpDate() + "\r\n";
  if (answer.close) head += "Connection: close\r\n";
  return head + "\r\n";
}

}  // namespace

HttpConnection::HttpConnection(asio::ip::tcp::socket socket, int ordinal, const Handler& handler, const MoveOn& move_on,
                               Gone gone, std::atomic<uint64_t>& sent_bytes)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      ordinal_(ordinal),
      handler_(handler),
      move_on_(move_on),
      gone_(std::move(gone)),
      sent_bytes_(sent_bytes) {}

void HttpConnection::Read() {
  parser_.emplace();
  parser_->header_limit(kMaxHeaderBytes);
  parser_->body_limit(kMaxBodyBytes);
  http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](const error_code& error, size_t) {
    if (error || !self->socket_.is_open()) return self->Close();
    self->OnRead();
  });
}

void HttpConnection::OnRead() {
  close_after_ = !parser_->get().keep_alive();
  const Request request = TakeRequest();
  Answer answer = handler_(request);
  if (socket_.is_open()) Send(request, std::move(answer));  // the handler may have dropped all connections
}

Request HttpConnection::TakeRequest() {
  auto message = parser_->release();
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.connection = ordinal_;
  for (const auto& field : message) {
    std::string name(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers[name] = std::string(field.value());
  }
  request.body = std::move(message.body());
  request.is_upgrade = boost::beast::websocket::is_upgrade(message);
  if (request.is_upgrade) upgrade_ = std::move(message);
  return request;
}

void HttpConnection::Send(const Request& request, Answer answer) {
  close_after_ = close_after_ || answer.close;
  delivery_ = answer.delivery;
  const uint64_t bytes =
      delivery_.kind == Delivery::Kind::kStream ? delivery_.stream_bytes : static_cast<uint64_t>(answer.body.size());
  std::string head = Head(answer, bytes);
  std::string body = answer.chunked ? "0\r\n\r\n" : std::move(answer.body);
  const bool no_body = request.method == "HEAD" || answer.status == 204 || answer.status == 304;
  switch (delivery_.kind) {
    case Delivery::Kind::kWhole:
      return Write(head + (no_body ? "" : body), [this] { Done(); });
    case Delivery::Kind::kHang:
      hangs_ = true;
      // Reading on notices when the client gives up.
      return socket_.async_wait(asio::ip::tcp::socket::wait_read,
                                [self = shared_from_this()](const error_code&) { self->Close(); });
    case Delivery::Kind::kDrip:
      drip_ = std::move(body);
      return Write(std::move(head), [this] { Drip(); });
    case Delivery::Kind::kCloseBeforeAnswer:
      return Close();
    case Delivery::Kind::kCloseMidBody:
      return Write(head + body.substr(0, body.size() / 2), [this] { Close(); });
    case Delivery::Kind::kStream:
      return Write(std::move(head), [this] { Stream(delivery_.stream_bytes); });
    case Delivery::Kind::kWebSocket:
      answer.headers.emplace_back("Date", HttpDate());
      // A client that speaks before it is let in is not waited for: ours never do.
      if (buffer_.size() == 0) move_on_(std::move(socket_), ordinal_, std::move(upgrade_), request, answer);
      return Close();
  }
}

void HttpConnection::Write(std::string bytes, std::function<void()> next) {
  out_ = std::move(bytes);
  asio::async_write(socket_, asio::buffer(out_),
                    [self = shared_from_this(), next = std::move(next)](const error_code& error, size_t sent) {
                      self->sent_bytes_ += sent;
                      if (error) return self->Close();
                      next();
                    });
}

void HttpConnection::Drip() {
  if (drip_.empty()) return Done();
  timer_.expires_after(delivery_.interval);
  timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (error) return;
    const size_t step = std::clamp<size_t>(self->delivery_.step_bytes, 1, self->drip_.size());
    std::string piece = self->drip_.substr(0, step);
    self->drip_.erase(0, step);
    self->Write(std::move(piece), [connection = self.get()] { connection->Drip(); });
  });
}

void HttpConnection::Stream(uint64_t bytes_left) {
  if (bytes_left == 0) return Done();
  const uint64_t chunk = std::min(bytes_left, kStreamChunkBytes);
  Write(std::string(chunk, ' '), [this, left = bytes_left - chunk] { Stream(left); });
}

void HttpConnection::Done() {
  if (!close_after_) return Read();
  error_code ignored;  // the client may be gone
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  Close();
}

void HttpConnection::Close() {
  error_code ignored;  // closing twice is fine
  timer_.cancel(ignored);
  socket_.close(ignored);
  gone_(ordinal_);
}

}  // namespace fakes
