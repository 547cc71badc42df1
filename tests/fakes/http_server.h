#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "fakes/http_message.h"
#include "fakes/web_socket.h"

namespace fakes {

// A small HTTP/1.1 server for tests, with WebSockets: one thread, which also runs the handler and the listener.
// Keep-alive and pipelining work.
// All functions may be called from any thread, also from the handler, except the destructor.
class HttpServer {
 public:
  using Handler = std::function<Answer(const Request&)>;

  // Listens at once; `port` 0 takes a free one. The port stays this server's, listening or not, until its end. Throws
  // boost::system::system_error when it cannot be had. An upgrade becomes a WebSocket when the handler answers it with
  // Delivery::Kind::kWebSocket; whoever does that passes a listener. The listener is not told of sockets that are left
  // when this ends.
  HttpServer(const std::string& address, uint16_t port, Handler handler, SocketListener* listener = nullptr);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  int connection_count() const;          // accepted since the start
  uint64_t sent_bytes() const;           // of answers, heads included, and of messages
  std::chrono::nanoseconds cpu() const;  // time of processors that the thread has taken

  // Refuses new connections and drops the old ones. No request is handled between that and `with`. Thaws.
  void StopListening(const std::function<void()>& with);
  void Listen();
  // The same, going on to listen.
  void DropConnections(const std::function<void()>& with);
  void DropHungConnections();  // those with an answer that hangs; does not wait for it
  // Runs `task` on the thread, frozen or not, and waits for it.
  void Run(const std::function<void()>& task);
  // Runs `task` on the thread, some time when it is not frozen; does not wait.
  void Post(std::function<void()> task);
  // The thread stands still until Thaw: the kernel accepts connections, nothing is read or written.
  void Freeze();
  void Thaw();

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace fakes
