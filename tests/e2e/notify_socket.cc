#include "e2e/notify_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

#include "e2e/programs.h"

namespace e2e {

NotifySocket::NotifySocket() : path_(FreshFile("notify")), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (fd_ < 0 || path_.size() >= sizeof address.sun_path) throw std::runtime_error("no socket at " + path_);
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  if (bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot bind " + path_);
}

NotifySocket::~NotifySocket() {
  close(fd_);
  unlink(path_.c_str());
}

bool NotifySocket::Read(int milliseconds) {
  pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
  if (poll(&readable, 1, milliseconds) != 1) return false;
  std::array<char, 4096> message{};
  const ssize_t size = recv(fd_, message.data(), message.size(), 0);
  if (size < 0) throw std::runtime_error("cannot receive from " + path_);
  read_.emplace_back(message.data(), static_cast<std::size_t>(size));
  return true;
}

std::string NotifySocket::Await(const std::string& beginning) {
  while (Read(20'000)) {
    if (read_.back().starts_with(beginning)) return read_.back();
  }
  return "";
}

bool NotifySocket::FallsSilent() {
  for (int messages = 0; messages < 500; ++messages) {
    if (!Read(1000)) return true;
  }
  return false;
}

}  // namespace e2e
