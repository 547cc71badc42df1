#include "fakes/blocking_web_socket.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>

namespace fakes {

namespace asio = boost::asio;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;
using std::chrono::milliseconds;

struct BlockingWebSocket::Core {
  void Connect(uint16_t port, std::string_view target, const Headers& headers, int receive_buffer_bytes) {
    auto& tcp = stream.next_layer();
    tcp.open(asio::ip::tcp::v4());
    if (receive_buffer_bytes > 0) tcp.set_option(asio::socket_base::receive_buffer_size(receive_buffer_bytes));
    error_code error;
    tcp.connect({asio::ip::make_address("127.0.0.1"), port}, error);
    if (error) return;
    stream.read_message_max(0);
    const auto add_headers = [&headers](websocket::request_type& request) {
      for (const auto& [name, value] : headers) request.set(name, value);
    };
    stream.set_option(websocket::stream_base::decorator(add_headers));
    stream.control_callback([this](websocket::frame_type type, boost::beast::string_view) {
      if (type == websocket::frame_type::pong) ++pongs;
    });
    websocket::response_type answer;
    std::optional<error_code> done;
    stream.async_handshake(answer, "fake", std::string(target), [&done](const error_code& e) { done = e; });
    RunUntil([&done] { return done.has_value(); });
    if (!done) {  // it refers to what ends here
      Drop();
      context.run();
    }
    status = static_cast<int>(answer.result_int());
    is_open = done && !*done;
  }

  template <typename Condition>
  bool RunUntil(Condition condition) {
    const auto limit = std::chrono::steady_clock::now() + patience;
    context.restart();
    while (!condition() && context.run_one_until(limit) > 0) {
    }
    return condition();
  }

  // Starts to read unless it reads.
  void Read() {
    if (reading || !is_open) return;
    reading = true;
    stream.async_read(buffer, [this](const error_code& error, size_t) {
      reading = false;
      if (error) {
        is_open = false;
        return;
      }
      received.push_back({stream.got_text(), boost::beast::buffers_to_string(buffer.data())});
      buffer.consume(buffer.size());
    });
  }

  void Write(bool is_text, std::string_view bytes) {
    stream.text(is_text);
    std::optional<error_code> done;
    stream.async_write(asio::buffer(bytes.data(), bytes.size()), [&done](const error_code& e, size_t) { done = e; });
    Await(&done);
  }

  void Await(const std::optional<error_code>* done) {
    if (RunUntil([done] { return done->has_value(); })) return;
    Drop();  // what is under way refers to what ends soon
    RunUntil([done] { return done->has_value(); });
  }

  void Drop() {
    error_code ignored;  // closing twice is fine
    stream.next_layer().close(ignored);
    is_open = false;
  }

  asio::io_context context;
  // without compression, which takes long to compile
  websocket::stream<asio::ip::tcp::socket, false> stream{context};
  boost::beast::flat_buffer buffer;
  std::deque<Frame> received;
  milliseconds patience{10'000};
  int status = 0;
  int pongs = 0;
  bool is_open = false;
  bool reading = false;
};

BlockingWebSocket::BlockingWebSocket(uint16_t port, std::string_view target, const Headers& headers,
                                     int receive_buffer_bytes)
    : core_(std::make_unique<Core>()) {
  core_->Connect(port, target, headers, receive_buffer_bytes);
}

BlockingWebSocket::~BlockingWebSocket() {
  if (core_) core_->Drop();
}

BlockingWebSocket::BlockingWebSocket(BlockingWebSocket&&) noexcept = default;
BlockingWebSocket& BlockingWebSocket::operator=(BlockingWebSocket&&) noexcept = default;

bool BlockingWebSocket::is_open() const {
  return core_->is_open;
}

int BlockingWebSocket::status() const {
  return core_->status;
}

void BlockingWebSocket::set_patience(milliseconds patience) {
  core_->patience = patience;
}

std::optional<Frame> BlockingWebSocket::Receive() {
  if (core_->received.empty()) {
    core_->Read();
    core_->RunUntil([this] { return !core_->reading; });
  }
  if (core_->received.empty()) return std::nullopt;
  Frame frame = std::move(core_->received.front());
  core_->received.pop_front();
  return frame;
}

std::string BlockingWebSocket::ReceiveText() {
  const auto frame = Receive();
  return frame && frame->is_text ? frame->bytes : "";
}

bool BlockingWebSocket::WaitForEnd() {
  while (Receive()) {
  }
  return !is_open();
}

std::optional<int> BlockingWebSocket::close_code() const {
  const auto& reason = core_->stream.reason();
  return reason ? std::optional<int>(reason.code) : std::nullopt;
}

void BlockingWebSocket::SendText(std::string_view text) {
  core_->Write(true, text);
}

void BlockingWebSocket::SendBinary(std::string_view bytes) {
  core_->Write(false, bytes);
}

void BlockingWebSocket::SendRaw(std::string_view bytes) {
  error_code ignored;  // the server may be gone already
  asio::write(core_->stream.next_layer(), asio::buffer(bytes.data(), bytes.size()), ignored);
}

bool BlockingWebSocket::Ping() {
  const int wanted = core_->pongs + 1;
  std::optional<error_code> done;
  core_->stream.async_ping("ping", [&done](const error_code& e) { done = e; });
  core_->Await(&done);
  while (core_->is_open && core_->pongs < wanted) {
    core_->Read();
    if (!core_->RunUntil([&] { return core_->pongs >= wanted || !core_->reading; })) return false;
  }
  return core_->pongs >= wanted;
}

void BlockingWebSocket::Close(int code) {
  std::optional<error_code> done;
  core_->stream.async_close(static_cast<websocket::close_code>(code), [&done](const error_code& e) { done = e; });
  core_->Await(&done);
  core_->is_open = false;
}

void BlockingWebSocket::Drop() {
  core_->Drop();
}

}  // namespace fakes
