#pragma once

#include <string>
#include <vector>

namespace e2e {

// The socket on which systemd hears services; what a service sends there, message by message.
class NotifySocket {
 public:
  NotifySocket();
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  const std::string& path() const { return path_; }

  // Reads messages up to the first that begins like this, and returns it. Empty: none has come for long.
  std::string Await(const std::string& beginning);

  // Reads messages until none comes for a second. False: they go on and on.
  bool FallsSilent();

  // All that were read, in their order.
  const std::vector<std::string>& read() const { return read_; }

 private:
  bool Read(int milliseconds);

  std::string path_;
  int fd_ = -1;
  std::vector<std::string> read_;
};

}  // namespace e2e
