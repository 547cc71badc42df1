// One WatchStatus call of gRPC, as events.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "channel.h"
#include "jobstatus/error.h"

namespace jobstatus {

// The stream ended; `error` absent: with OK.
struct StreamEnd {
  std::optional<Error> error;
};

struct Silence {};

// Driven by one thread that also polls its completion queue. The callback API would take the thread away, but Debian's
// gRPC 1.51 then answers up to 100 ms late after a quiet second. Only Cancel may be called from other threads.
class WatchCall {
 public:
  using Event = std::variant<comfyui::jobstatus::v1::WatchStatusResponse, StreamEnd, Silence>;

  WatchCall(Stub& stub, const std::string& token, const comfyui::jobstatus::v1::WatchStatusRequest& request);
  ~WatchCall();
  WatchCall(const WatchCall&) = delete;
  WatchCall& operator=(const WatchCall&) = delete;

  // The next event, or Silence when there was none until then. Nothing is read ahead. Not after a StreamEnd.
  Event Next(std::chrono::steady_clock::time_point until);

  void Cancel() { context_.TryCancel(); }

 private:
  // The one operation gRPC is at; kNone: a message was handed out and the next is not asked for yet.
  enum class Pending { kStart, kRead, kFinish, kNone };

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReader<comfyui::jobstatus::v1::WatchStatusResponse>> reader_;
  comfyui::jobstatus::v1::WatchStatusResponse message_;
  grpc::Status status_;
  Pending pending_ = Pending::kStart;
};

}  // namespace jobstatus
