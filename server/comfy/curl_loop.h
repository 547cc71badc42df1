#pragma once

#include <curl/curl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <unordered_map>

namespace comfy {

// Drives libcurl's transfers on an Asio event loop, through its multi-socket interface. Lives on the loop's thread; it
// and every handle added must be gone before the io_context is.
class CurlLoop {
 public:
  explicit CurlLoop(boost::asio::io_context& io);
  ~CurlLoop();
  CurlLoop(const CurlLoop&) = delete;
  CurlLoop& operator=(const CurlLoop&) = delete;

  // Starts a transfer. `done` runs once, on the loop, when it has ended; `done` must outlive the transfer or its
  // Remove.
  void Add(CURL* transfer, std::function<void(CURLcode)>& done);

  // Ends a transfer; its `done` will not run.
  void Remove(CURL* transfer);

 private:
  struct Socket;
  static int OnSocket(CURL* transfer, curl_socket_t fd, int what, void* loop, void* socket);
  static int OnTimer(CURLM* multi, long timeout_ms, void* loop);
  void Watch(const std::shared_ptr<Socket>& socket, int what);
  void Wait(const std::shared_ptr<Socket>& socket, int event);
  void Act(curl_socket_t fd, int events);

  boost::asio::io_context& io_;
  boost::asio::steady_timer timer_;
  CURLM* const multi_;
  std::unordered_map<curl_socket_t, std::shared_ptr<Socket>> sockets_;  // those libcurl wants watched
};

}  // namespace comfy
