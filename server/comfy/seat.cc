#include "comfy/seat.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

#include "comfy/address.h"
#include "comfy/clock.h"

namespace comfy {

namespace asio = boost::asio;
using jobs::BackendError;

namespace {

// Out of the loop's run: a coroutine that ended in silence would be worse.
void Rethrow(const std::exception_ptr& thrown) {
  if (thrown) std::rethrow_exception(thrown);
}

// We want nothing of what can be asked for here; ComfyUI's answer shows that it reaches us. Servers of before 0.3.45
// pass it over.
constexpr const char* kFeatureFlags = R"({"type": "feature_flags", "data": {"supports_preview_metadata": false}})";

}  // namespace

Seat::Seat(asio::io_context& io, const HttpOptions& http, const SeatOptions& options, std::string client_id,
           jobs::RunEvent::Channel channel, Ears ears)
    : io_(io),
      http_(http),
      options_(options),
      client_id_(std::move(client_id)),
      channel_(channel),
      ears_(std::move(ears)),
      backoff_(options.backoff_first, options.backoff_longest),
      backoff_timer_(io) {}

void Seat::Start() {
  asio::co_spawn(
      io_, [self = shared_from_this()] { return self->Run(); }, Rethrow);
}

asio::awaitable<void> Seat::Run() {
  while (!stopped_) {
    socket_ = std::make_shared<WebSocket>(io_, http_, options_.limits);
    const BackendError error = co_await Sit();
    socket_->Drop();
    socket_.reset();  // its timers would keep the loop busy
    const bool was_taken = std::exchange(taken_, false);
    if (stopped_) break;
    if (was_taken && !retaking_ && error.kind == BackendError::Kind::kUnreachable) ears_.cut();
    if (was_taken || !failing_) ears_.lost(error);
    failing_ = true;
    const bool lasted = was_taken && SteadyNow() - taken_at_ >= options_.lasting;
    if (lasted) backoff_.Reset();
    if (std::exchange(retaking_, false) && lasted) continue;
    backoff_timer_.expires_after(backoff_.Next(std::uniform_real_distribution<double>()(random_)));
    boost::system::error_code woken;
    co_await backoff_timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

// Until the socket ends; says why.
asio::awaitable<BackendError> Seat::Sit() {
  const std::shared_ptr<WebSocket> socket = socket_;
  if (const auto opened = co_await socket->Open("/ws?clientId=" + PercentEncode(client_id_)); !opened) {
    co_return opened.error();
  }
  while (!stopped_) {
    if (const auto read = co_await socket->Read(text_); !read) co_return read.error();
    if (stopped_) break;
    const auto message = reader_.Read(text_, channel_, WallNow());
    if (!message) continue;
    if (!taken_) {
      if (!message->sid) continue;  // the first message names the seat
      if (*message->sid != client_id_) {
        co_return BackendError{.kind = BackendError::Kind::kBadResponse,
                               .detail = "ComfyUI calls the WebSocket by another client id than ours"};
      }
      taken_ = true;
      taken_at_ = SteadyNow();
      failing_ = false;
      ears_.taken();
      if (channel_ == jobs::RunEvent::Channel::kSeat) {
        if (const auto sent = co_await socket->Send(kFeatureFlags); !sent) co_return sent.error();
      }
      if (stopped_) break;
    }
    ears_.heard(*message);
  }
  co_return BackendError{.detail = "the service is stopping"};
}

// The read under way ends when the handshake does.
void Seat::Leave() {
  if (!socket_) return;
  asio::co_spawn(
      io_, [self = shared_from_this(), socket = socket_] { return socket->Close(); }, Rethrow);
}

void Seat::Retry() {
  if (!taken_) backoff_timer_.cancel();
}

bool Seat::Retake() {
  if (!taken_ || std::exchange(retaking_, true)) return false;
  Leave();
  return true;
}

void Seat::Stop(bool politely) {
  if (std::exchange(stopped_, true)) return;
  backoff_timer_.cancel();
  if (politely && taken_) return Leave();
  if (socket_) socket_->Drop();
}

}  // namespace comfy
