#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "comfy/body.h"
#include "comfy/http_client.h"
#include "jobs/backend_error.h"
#include "jobs/time.h"

namespace comfy {

struct WebSocketLimits {
  jobs::Duration connect_timeout = std::chrono::seconds(5);
  jobs::Duration handshake_timeout = std::chrono::seconds(30);  // a busy ComfyUI stalls for 20 s
  // After half of it without a byte a ping is sent, after the whole of it the socket counts as dead.
  jobs::Duration idle_timeout = std::chrono::seconds(60);
  jobs::Duration close_timeout = std::chrono::seconds(2);
  std::size_t max_message_bytes = 4 * 1024 * 1024;  // of text; previews are not kept, however long
};

// Our end of one WebSocket to a ComfyUI server, ws or wss as the address says, with the same credentials as the HTTP
// requests. Used once: opened, read, closed. Lives on the event loop's thread. The object must outlive the coroutines
// of its functions.
class WebSocket {
 public:
  WebSocket(boost::asio::io_context& io, const HttpOptions& http, WebSocketLimits limits);
  ~WebSocket();

  template <class T>
  using Result = boost::asio::awaitable<std::expected<T, jobs::BackendError>>;

  // `path_and_query` below the address's own path. An answer that is no upgrade is kHttpError.
  Result<void> Open(std::string path_and_query);

  // The next text message that is not over the limit; it replaces what is in `text`. What is passed over on the way,
  // binary messages and longer ones, is read and dropped at once: ComfyUI tells nobody anything while one socket does
  // not read (trap 6).
  Result<void> Read(Body& text);

  Result<void> Send(std::string text);

  // The closing handshake, so that ComfyUI is done with this socket when it is over; in bounded time. Once. Read may
  // be under way, and ends with it.
  boost::asio::awaitable<void> Close();

  // Ends everything under way with an error.
  void Drop();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace comfy
