#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "comfy/backoff.h"
#include "comfy/body.h"
#include "comfy/http_client.h"
#include "comfy/socket_message.h"
#include "comfy/web_socket.h"

namespace comfy {

struct SeatOptions {
  WebSocketLimits limits;
  jobs::Duration backoff_first = std::chrono::milliseconds(250);
  jobs::Duration backoff_longest = std::chrono::seconds(30);
  // A seat that was kept this long is worth coming back to at once. One that is lost sooner each time, as to another
  // service with the same client id, is taken ever more seldom.
  jobs::Duration lasting = std::chrono::seconds(10);
};

// A client id at one ComfyUI server, and the WebSocket through which we sit there; opened again whenever it is lost.
// ComfyUI sends to a client id through the newest socket that came with it, and forgets that one, too, when an older
// one ends (trap 5). So we never have two, and leave with a closing handshake where we can.
//
// Lives on the event loop's thread; is kept by the coroutine that runs it, too.
class Seat : public std::enable_shared_from_this<Seat> {
 public:
  // Called on the loop's thread; none after Stop.
  struct Ears {
    std::function<void()> taken;                              // ComfyUI says that we sit there
    std::function<void(const jobs::BackendError&)> lost;      // it was taken before, or the first try failed
    std::function<void()> cut;                                // so that it is lost: the other side ended the socket
    std::function<void(const SocketMessage& message)> heard;  // `taken` came before
  };

  Seat(boost::asio::io_context& io, const HttpOptions& http, const SeatOptions& options, std::string client_id,
       jobs::RunEvent::Channel channel, Ears ears);

  void Start();

  // Leaves and comes back: what should be heard is not. False: it is on its way already.
  bool Retake();

  // Ends the wait before the next try, if there is one.
  void Retry();

  // Leaves for good. `politely`: with a closing handshake, which takes a moment and needs the loop to run.
  void Stop(bool politely);

  const std::string& client_id() const { return client_id_; }

 private:
  boost::asio::awaitable<void> Run();
  boost::asio::awaitable<jobs::BackendError> Sit();
  void Leave();

  boost::asio::io_context& io_;
  const HttpOptions& http_;
  const SeatOptions options_;
  const std::string client_id_;
  const jobs::RunEvent::Channel channel_;
  const Ears ears_;

  std::shared_ptr<WebSocket> socket_;  // shared with the closing handshake
  SocketMessageReader reader_;
  Body text_;
  Backoff backoff_;
  boost::asio::steady_timer backoff_timer_;
  std::minstd_rand random_{std::random_device{}()};
  bool taken_ = false;
  jobs::Steady taken_at_{};
  bool failing_ = false;   // told as lost already
  bool retaking_ = false;  // it was left to come back
  bool stopped_ = false;
};

}  // namespace comfy
