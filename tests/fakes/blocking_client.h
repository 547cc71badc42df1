#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fakes {

struct Reply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;   // undecoded
  bool whole = true;  // false: the connection ended before Content-Length

  // "" when there is none.
  std::string Header(std::string_view name) const;
};

// The simplest HTTP client a test can wait with: one connection to loopback, kept while the server keeps it. Not for
// use by several threads.
class BlockingClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit BlockingClient(std::string address = "127.0.0.1", uint16_t port = 0);
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  // nullopt: refused, or closed before a whole head came, or nothing came for `patience`.
  std::optional<Reply> Ask(std::string_view method, std::string_view target, std::string_view body = "",
                           const Headers& headers = {});
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }
  bool TryConnect();  // connects if not connected
  void Disconnect();

 private:
  bool SendAll(std::string_view bytes);
  bool ReceiveSome();
  std::optional<Reply> ReceiveReply(bool head_only);

  const std::string address_;
  const uint16_t port_;
  std::chrono::milliseconds patience_{10'000};
  int socket_ = -1;
  std::string received_;
};

}  // namespace fakes
