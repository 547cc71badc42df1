#include "fakes/socket_table.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "fakes/python_json.h"
#include "fakes/wait_limit.h"

namespace fakes {
namespace {

constexpr size_t kHighWaterBytes = 64 * 1024;  // aiohttp's: with more unsent, `await ws.send_str()` waits

}  // namespace

void SocketTable::Send(SocketEvent event) {
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(event));
  AskForDelivery();
}

void SocketTable::AskForDelivery() {
  if (!std::exchange(delivery_asked_, true)) settings_.ask_for_delivery();
}

void SocketTable::Deliver() {
  const std::lock_guard lock(mutex_);
  delivery_asked_ = false;
  while (!queue_.empty() && !IsClogged() && (!held_ || allowance_ > 0)) {
    const SocketEvent event = std::move(queue_.front());
    queue_.pop_front();
    if (SendNow(event) && held_) --allowance_;
  }
  changed_.notify_all();
}

bool SocketTable::IsClogged() const {
  return std::any_of(open_.begin(), open_.end(), [this](const auto& open) {
    const auto socket = open.second.socket.lock();
    return socket && socket->unsent_bytes() > kHighWaterBytes && IsSeated(open.first, open.second);
  });
}

bool SocketTable::IsSeated(int connection, const Open& open) const {
  const auto seat = seats_.find(open.client_id);
  return seat != seats_.end() && seat->second == connection;
}

// True when it reached somebody.
bool SocketTable::SendNow(const SocketEvent& event) {
  bool sent = false;
  for (const auto& [client_id, connection] : seats_) {
    Open& open = open_.at(connection);
    if (event.audience.includes(client_id)) {
      if (event.takes_preview_metadata.value_or(open.takes_preview_metadata) != open.takes_preview_metadata) continue;
      SendTo(open, event.frame);
      sent = true;
    } else if (settings_.mirror && Mirror::IsFor(client_id)) {
      const SharedFrame mirrored = open.mirror.Reflect(event);
      if (mirrored) SendTo(open, mirrored);
      sent = sent || mirrored;
    }
  }
  return sent;
}

void SocketTable::SendTo(const Open& open, const SharedFrame& frame) const {
  if (const auto socket = open.socket.lock()) socket->Send(frame);
}

void SocketTable::OnOpen(const std::shared_ptr<WebSocket>& socket, const std::string& client_id,
                         const std::vector<Json>& first) {
  const std::lock_guard lock(mutex_);
  Open& open = open_[socket->ordinal()];
  open.socket = socket;
  open.client_id = client_id;
  seats_[client_id] = socket->ordinal();
  for (const Json& message : first) SendTo(open, TextFrame(ToText(message)));
  ++accepted_;
  changed_.notify_all();
}

void SocketTable::OnText(const WebSocket& socket, const std::string& text) {
  const std::lock_guard lock(mutex_);
  texts_.push_back(text);
  changed_.notify_all();
  const auto found = open_.find(socket.ordinal());
  const auto message = ParseJson(text);
  if (found == open_.end() || !message || !message->is_object()) return;
  Open& open = found->second;
  const Json* type = message->Find("type");
  if (!std::exchange(open.first_message, false) || settings_.features.empty()) return;
  if (!type || type->text != "feature_flags") return;
  const auto seat = seats_.find(open.client_id);
  if (seat == seats_.end()) return;
  Open& seated = open_.at(seat->second);
  const Json* flags = message->Find("data");
  const Json* metadata = flags ? flags->Find("supports_preview_metadata") : nullptr;
  seated.takes_preview_metadata = metadata && metadata->boolean;
  SendTo(seated, TextFrame("{\"type\": \"feature_flags\", \"data\": " + settings_.features + "}"));
}

void SocketTable::OnPing() {
  const std::lock_guard lock(mutex_);
  ++pings_;
  changed_.notify_all();
}

void SocketTable::OnGone(int connection) {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(connection);
  if (found == open_.end()) return;  // forgotten
  seats_.erase(found->second.client_id);
  open_.erase(found);
  ++closed_;
  changed_.notify_all();
  AskForDelivery();
}

void SocketTable::Forget() {
  const std::lock_guard lock(mutex_);
  queue_.clear();
  seats_.clear();
  closed_ += open_.size();
  open_.clear();
  changed_.notify_all();
}

void SocketTable::EmptySeats() {
  const std::lock_guard lock(mutex_);
  seats_.clear();
  AskForDelivery();
}

void SocketTable::ForEach(const std::function<void(const std::shared_ptr<WebSocket>&)>& act) {
  std::vector<std::shared_ptr<WebSocket>> sockets;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [connection, open] : open_) {
      if (auto socket = open.socket.lock()) sockets.push_back(std::move(socket));
    }
  }
  for (const auto& socket : sockets) act(socket);
}

void SocketTable::Hold() {
  const std::lock_guard lock(mutex_);
  held_ = true;
  allowance_ = 0;
}

void SocketTable::Release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  AskForDelivery();
}

void SocketTable::Release(size_t count) {
  const std::lock_guard lock(mutex_);
  allowance_ += count;
  AskForDelivery();
}

std::vector<OpenSocket> SocketTable::open() const {
  const std::lock_guard lock(mutex_);
  std::vector<OpenSocket> sockets;
  for (const auto& [connection, open] : open_) {
    sockets.push_back({connection, open.client_id, IsSeated(connection, open)});
  }
  return sockets;
}

std::vector<std::string> SocketTable::texts() const {
  const std::lock_guard lock(mutex_);
  return texts_;
}

size_t SocketTable::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

size_t SocketTable::accepted_count() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

size_t SocketTable::ping_count() const {
  const std::lock_guard lock(mutex_);
  return pings_;
}

template <typename Condition>
bool SocketTable::WaitUntil(Condition condition) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kWaitLimit, condition);
}

bool SocketTable::WaitForAccepted(size_t n) const {
  return WaitUntil([&] { return accepted_ >= n; });
}
bool SocketTable::WaitForClosed(size_t n) const {
  return WaitUntil([&] { return closed_ >= n; });
}
bool SocketTable::WaitForTexts(size_t n) const {
  return WaitUntil([&] { return texts_.size() >= n; });
}
bool SocketTable::WaitForPings(size_t n) const {
  return WaitUntil([&] { return pings_ >= n; });
}

}  // namespace fakes
