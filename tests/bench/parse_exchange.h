#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "comfy/body.h"

// How an answer comes over the wire: a server that has it ready, and two that ask.
namespace bench {

// Answers every request with the same bytes. One connection after the other; the text must outlive it.
class ReadyServer {
 public:
  explicit ReadyServer(std::string_view text);
  ~ReadyServer();
  ReadyServer(const ReadyServer&) = delete;
  ReadyServer& operator=(const ReadyServer&) = delete;

  std::uint16_t port() const { return port_; }

 private:
  void Serve() const;

  const std::string_view text_;
  int listening_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

// As the service asks: over libcurl, into a comfy::Body.
class ServiceClient {
 public:
  explicit ServiceClient(std::uint16_t port);
  ~ServiceClient();

  // The body is the next one's, too.
  const comfy::Body& Ask();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The least that must be done: the answer, which has `size` bytes, received into a buffer that is kept.
class BareClient {
 public:
  BareClient(std::uint16_t port, std::size_t size);
  ~BareClient();
  BareClient(const BareClient&) = delete;
  BareClient& operator=(const BareClient&) = delete;

  void Ask();

 private:
  const std::size_t size_;
  int socket_ = -1;
  std::string buffer_;
};

}  // namespace bench
