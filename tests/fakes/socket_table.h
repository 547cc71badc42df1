#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/fake_comfy.h"
#include "fakes/mirror.h"
#include "fakes/socket_event.h"
#include "fakes/web_socket.h"

namespace fakes {

// The WebSocket side of ComfyUI's PromptServer (server.py): which socket sits at which client id, and the one queue of
// messages with the one task that sends them. Faithful in this, too: the end of a connection empties the seat of its
// client id, whoever sits there by then; and while one of the seated reads too slowly, nobody gets anything.
//
// Functions may be called from any thread but where "on the server's thread" is said.
class SocketTable {
 public:
  struct Settings {
    bool mirror = false;                     // as with our companion node
    std::string features = "";               // answered to feature_flags; "" for never
    std::function<void()> ask_for_delivery;  // must soon call Deliver on the server's thread; called from any
  };

  explicit SocketTable(Settings settings) : settings_(std::move(settings)) {}

  // PromptServer.send_sync. Never waits.
  void Send(SocketEvent event);
  // Sends what is queued and may leave. On the server's thread.
  void Deliver();

  // These four on the server's thread, as of SocketListener. `first` goes to the new socket past the queue.
  void OnOpen(const std::shared_ptr<WebSocket>& socket, const std::string& client_id, const std::vector<Json>& first);
  void OnText(const WebSocket& socket, const std::string& text);
  void OnPing();
  void OnGone(int connection);

  // A new process: nothing is queued, no socket is known.
  void Forget();
  // Everybody loses the seat and stays open.
  void EmptySeats();
  // Calls `act` for each open socket. On the server's thread.
  void ForEach(const std::function<void(const std::shared_ptr<WebSocket>&)>& act);

  void Hold();
  void Release();
  // Lets events out until `count` more have reached a socket.
  void Release(size_t count);

  std::vector<OpenSocket> open() const;  // in the order of connection
  std::vector<std::string> texts() const;
  size_t queued() const;
  size_t accepted_count() const;
  size_t ping_count() const;
  bool WaitForAccepted(size_t n) const;
  bool WaitForClosed(size_t n) const;
  bool WaitForTexts(size_t n) const;
  bool WaitForPings(size_t n) const;

 private:
  struct Open {
    std::weak_ptr<WebSocket> socket;  // the server owns it
    std::string client_id;
    bool first_message = true;            // none that is a JSON object was received
    bool takes_preview_metadata = false;  // the client said that it supports it
    Mirror mirror;
  };

  bool IsSeated(int connection, const Open& open) const;
  bool IsClogged() const;
  bool SendNow(const SocketEvent& event);
  void SendTo(const Open& open, const SharedFrame& frame) const;
  void Unseat(const Open& open);
  void AskForDelivery();
  template <typename Condition>
  bool WaitUntil(Condition condition) const;

  const Settings settings_;
  mutable std::mutex mutex_;  // protects all below; nothing else is locked under it
  mutable std::condition_variable changed_;
  std::map<int, Open> open_;          // by connection
  std::map<std::string, int> seats_;  // PromptServer.sockets: client id to connection
  std::deque<SocketEvent> queue_;     // PromptServer.messages
  bool delivery_asked_ = false;
  bool held_ = false;
  size_t allowance_ = 0;  // events that may leave although held
  size_t accepted_ = 0;
  size_t closed_ = 0;
  size_t pings_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace fakes
