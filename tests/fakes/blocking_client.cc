#include "fakes/blocking_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fakes {
namespace {

int Connect(const std::string& address, uint16_t port) {
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool is_v4 = inet_pton(AF_INET, address.c_str(), &v4.sin_addr) == 1;
  if (!is_v4 && inet_pton(AF_INET6, address.c_str(), &v6.sin6_addr) != 1) return -1;
  const int fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* target = is_v4 ? reinterpret_cast<const sockaddr*>(&v4) : reinterpret_cast<const sockaddr*>(&v6);
  if (connect(fd, target, static_cast<socklen_t>(is_v4 ? sizeof(v4) : sizeof(v6))) == 0) return fd;
  close(fd);
  return -1;
}

}  // namespace

std::string Reply::Header(std::string_view name) const {
  const std::string wanted(name);
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return strcasecmp(header.first.c_str(), wanted.c_str()) == 0;
  });
  return found == headers.end() ? "" : found->second;
}

BlockingClient::BlockingClient(std::string address, uint16_t port) : address_(std::move(address)), port_(port) {}

BlockingClient::~BlockingClient() {
  Disconnect();
}

bool BlockingClient::TryConnect() {
  if (socket_ < 0) {
    received_.clear();
    socket_ = Connect(address_, port_);
  }
  return socket_ >= 0;
}

void BlockingClient::Disconnect() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

std::optional<Reply> BlockingClient::Ask(std::string_view method, std::string_view target, std::string_view body,
                                         const Headers& headers) {
  if (!TryConnect()) return std::nullopt;
  std::string request = std::string(method) + " " + std::string(target) +
                        " HTTP/1.1\r\nHost: " + (address_.contains(':') ? "[" + address_ + "]" : address_) + ":" +
                        std::to_string(port_) + "\r\n";
  for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
  if (!body.empty()) request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  request += "\r\n" + std::string(body);
  auto reply = SendAll(request) ? ReceiveReply(method == "HEAD") : std::nullopt;
  if (!reply || !reply->whole || reply->Header("Connection") == "close") Disconnect();
  return reply;
}

bool BlockingClient::SendAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool BlockingClient::ReceiveSome() {
  const timeval limit{patience_.count() / 1000, (patience_.count() % 1000) * 1000};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  std::array<char, 1 << 16> buffer{};
  const ssize_t bytes = recv(socket_, buffer.data(), buffer.size(), 0);
  if (bytes <= 0) return false;
  received_.append(buffer.data(), static_cast<size_t>(bytes));
  return true;
}

std::optional<Reply> BlockingClient::ReceiveReply(bool head_only) {
  size_t end = 0;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReceiveSome()) return std::nullopt;
  }
  std::string head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  Reply reply;
  reply.status = std::atoi(head.c_str() + std::strlen("HTTP/1.1 "));
  for (size_t line = head.find("\r\n") + 2; line < head.size();) {
    const size_t line_end = head.find("\r\n", line);
    const size_t colon = head.find(": ", line);
    reply.headers.emplace_back(head.substr(line, colon - line), head.substr(colon + 2, line_end - colon - 2));
    line = line_end + 2;
  }
  if (head_only) return reply;
  // Only aiohttp's empty 404 is chunked: one last chunk.
  const bool chunked = reply.Header("Transfer-Encoding") == "chunked";
  const size_t bytes = chunked ? std::strlen("0\r\n\r\n") : std::stoul("0" + reply.Header("Content-Length"));
  while (received_.size() < bytes) {
    if (ReceiveSome()) continue;
    reply.whole = false;
    break;
  }
  reply.body = chunked ? "" : received_.substr(0, bytes);
  received_.erase(0, bytes);
  return reply;
}

}  // namespace fakes
