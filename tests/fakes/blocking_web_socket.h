#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/socket_event.h"

namespace fakes {

// The simplest WebSocket client a test can wait with, over loopback. It reads only when it is asked to, and then
// answers pings, too. Not for use by several threads.
class BlockingWebSocket {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // Connects. `receive_buffer_bytes` (0: the system's) is how much the kernel takes while nobody reads.
  explicit BlockingWebSocket(uint16_t port, std::string_view target = "/ws", const Headers& headers = {},
                             int receive_buffer_bytes = 0);
  ~BlockingWebSocket();  // as by Drop
  BlockingWebSocket(BlockingWebSocket&&) noexcept;
  BlockingWebSocket& operator=(BlockingWebSocket&&) noexcept;

  bool is_open() const;  // the handshake went well, and no end was noticed
  int status() const;    // of the handshake: 101; 0 for no answer
  // The next message; nullopt when the socket has ended, or nothing came for `patience` (10 s).
  std::optional<Frame> Receive();
  // Its text; "" for a binary one and when there is none.
  std::string ReceiveText();
  // True when the server ends the socket: reads until then.
  bool WaitForEnd();
  // The code of the server's close frame; nullopt when none came.
  std::optional<int> close_code() const;
  void set_patience(std::chrono::milliseconds patience);

  void SendText(std::string_view text);
  void SendBinary(std::string_view bytes);
  // Any bytes: frames that no client should send.
  void SendRaw(std::string_view bytes);
  // True when the pong came; messages that came before it are kept for Receive.
  bool Ping();
  // Sends a close frame and waits for the server's.
  void Close(int code = 1000);
  // Ends the TCP connection without a close frame.
  void Drop();

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace fakes
