#include "fakes/web_socket.h"

#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/field.hpp>
#include <utility>

namespace fakes {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

namespace {

constexpr size_t kMaxClientMessageBytes = 4 * 1024 * 1024;  // aiohttp's max_msg_size: more is closed with 1009

// Header and first half of an unmasked text message.
std::string HalfOf(std::string_view text) {
  std::string bytes = "\x81\x7f";
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>((text.size() >> shift) & 0xff);
  return bytes + std::string(text.substr(0, text.size() / 2));
}

}  // namespace

WebSocket::WebSocket(asio::ip::tcp::socket socket, int ordinal, SocketListener* listener, Gone gone,
                     std::atomic<uint64_t>& sent_bytes)
    : stream_(std::move(socket)),
      ordinal_(ordinal),
      listener_(listener),
      gone_(std::move(gone)),
      sent_bytes_(sent_bytes) {}

void WebSocket::Accept(Upgrade upgrade, Request request, Headers headers) {
  upgrade_ = std::move(upgrade);
  stream_.auto_fragment(false);  // ComfyUI's messages come in one frame, however long
  stream_.read_message_max(kMaxClientMessageBytes);
  const auto add_headers = [headers = std::move(headers)](websocket::response_type& answer) {
    answer.erase(http::field::server);  // Beast's
    for (const auto& [name, value] : headers) answer.set(name, value);
  };
  stream_.set_option(websocket::stream_base::decorator(add_headers));
  stream_.control_callback([this](websocket::frame_type type, boost::beast::string_view) {
    if (type == websocket::frame_type::ping) listener_->OnPing(*this);
  });
  stream_.async_accept(upgrade_, [self = shared_from_this(), request = std::move(request)](const error_code& error) {
    if (error) return self->End();
    self->open_ = true;
    self->listener_->OnOpen(self, request);
    self->Read();
  });
}

void WebSocket::Read() {
  stream_.async_read(buffer_, [self = shared_from_this()](const error_code& error, size_t) {
    if (error) return self->End();
    if (self->stream_.got_text()) {
      self->listener_->OnText(*self, boost::beast::buffers_to_string(self->buffer_.data()));
    }
    self->buffer_.consume(self->buffer_.size());
    self->Read();
  });
}

void WebSocket::Send(SharedFrame frame) {
  Write({Task::Kind::kMessage, std::move(frame)});
}

void WebSocket::SendHalfAndDrop(std::string_view text) {
  Write({Task::Kind::kHalfAndDrop, TextFrame(HalfOf(text))});
}

void WebSocket::SendClose() {
  Write({Task::Kind::kClose, TextFrame("\x88\x02\x03\xe8")});  // 1000
}

void WebSocket::Write(Task task) {
  unsent_bytes_ += task.frame->bytes.size();
  tasks_.push_back(std::move(task));
  if (tasks_.size() == 1) WriteNext();
}

void WebSocket::WriteNext() {
  const Frame& frame = *tasks_.front().frame;
  const auto written = [self = shared_from_this()](const error_code& error, size_t sent) {
    self->sent_bytes_ += sent;
    self->OnWritten(error.failed());
  };
  switch (tasks_.front().kind) {
    case Task::Kind::kMessage:
      stream_.text(frame.is_text);
      return stream_.async_write(asio::buffer(frame.bytes), written);
    case Task::Kind::kHalfAndDrop:
      return asio::async_write(stream_.next_layer(), asio::buffer(frame.bytes),
                               [self = shared_from_this()](const error_code&, size_t) { self->Drop(); });
    case Task::Kind::kClose:
      // Not Beast's async_close, which now and then waits for ever while a read is under way. The peer's answer ends
      // that read.
      return asio::async_write(stream_.next_layer(), asio::buffer(frame.bytes),
                               [self = shared_from_this()](const error_code&, size_t) {
                                 error_code ignored;
                                 self->stream_.next_layer().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
                               });
  }
}

void WebSocket::OnWritten(bool failed) {
  if (failed) return Drop();  // what is left in tasks_ is never sent
  unsent_bytes_ -= tasks_.front().frame->bytes.size();
  tasks_.pop_front();
  if (!tasks_.empty()) WriteNext();
  listener_->OnWritten(*this);
}

void WebSocket::Drop() {
  error_code ignored;  // closing twice is fine; the read that is under way now ends
  boost::beast::get_lowest_layer(stream_).close(ignored);
}

void WebSocket::End() {
  Drop();
  if (std::exchange(open_, false)) listener_->OnGone(*this);
  gone_(ordinal_);
}

}  // namespace fakes
