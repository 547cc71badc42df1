#include "bench/parse_exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <stdexcept>

#include "comfy/curl_loop.h"
#include "comfy/http_client.h"

namespace bench {
namespace {

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void NoDelay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string HeadOf(std::size_t size) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " + std::to_string(size) +
         "\r\n\r\n";
}

}  // namespace

ReadyServer::ReadyServer(std::string_view text) : text_(text), listening_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(listening_, any, length) != 0 || listen(listening_, 8) != 0 || getsockname(listening_, any, &length) != 0) {
    close(listening_);
    throw std::runtime_error("cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

ReadyServer::~ReadyServer() {
  ending_ = true;
  shutdown(listening_, SHUT_RDWR);
  thread_.join();
  close(listening_);
}

void ReadyServer::Serve() const {
  while (!ending_) {
    const int connection = accept(listening_, nullptr, nullptr);
    if (connection < 0) continue;
    NoDelay(connection);
    std::string received(4096, '\0');
    std::size_t size = 0;
    while (true) {
      const ssize_t more = recv(connection, received.data() + size, received.size() - size, 0);
      if (more <= 0) break;
      size += static_cast<std::size_t>(more);
      if (!std::string_view(received.data(), size).ends_with("\r\n\r\n")) continue;
      size = 0;
      if (!SendAll(connection, HeadOf(text_.size())) || !SendAll(connection, text_)) break;
    }
    close(connection);
  }
}

struct ServiceClient::State {
  explicit State(std::uint16_t port)
      : http(io, curl, {.address = comfy::Address::Parse("http://127.0.0.1:" + std::to_string(port)).value()}) {}

  boost::asio::io_context io;
  comfy::CurlLoop curl{io};
  comfy::HttpClient http;
  comfy::Body body;
};

ServiceClient::ServiceClient(std::uint16_t port) : state_(std::make_unique<State>(port)) {}
ServiceClient::~ServiceClient() = default;

const comfy::Body& ServiceClient::Ask() {
  bool answered = false;
  bool done = false;
  boost::asio::co_spawn(
      state_->io,
      [&]() -> boost::asio::awaitable<void> {
        const auto answer = co_await state_->http.Get("/queue", state_->body);
        answered = answer && answer->status == 200;
        done = true;
      },
      boost::asio::detached);
  state_->io.restart();
  while (!done && state_->io.run_one() > 0) {
  }
  if (!answered) throw std::runtime_error("no answer");
  return state_->body;
}

BareClient::BareClient(std::uint16_t port, std::size_t size)
    : size_(HeadOf(size).size() + size), socket_(socket(AF_INET, SOCK_STREAM, 0)), buffer_(size_, '\0') {
  const sockaddr_in address = Loopback(port);
  if (connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close(socket_);
    throw std::runtime_error("cannot connect");
  }
  NoDelay(socket_);
}

BareClient::~BareClient() {
  close(socket_);
}

void BareClient::Ask() {
  if (!SendAll(socket_, "GET /queue HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) throw std::runtime_error("cannot ask");
  std::size_t size = 0;
  while (size < size_) {
    const ssize_t more = recv(socket_, buffer_.data() + size, size_ - size, 0);
    if (more <= 0) throw std::runtime_error("no answer");
    size += static_cast<std::size_t>(more);
  }
}

}  // namespace bench
