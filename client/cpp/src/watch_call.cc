#include "watch_call.h"

#include <grpcpp/support/async_stream.h>

#include <utility>

#include "error_details.h"

namespace jobstatus {

using comfyui::jobstatus::v1::WatchStatusRequest;
using comfyui::jobstatus::v1::WatchStatusResponse;

WatchCall::WatchCall(Stub& stub, const std::string& token, const WatchStatusRequest& request) {
  Authorize(token, context_);
  reader_ = stub.PrepareAsyncWatchStatus(&context_, request, &queue_);
  reader_->StartCall(this);
}

WatchCall::~WatchCall() {
  context_.TryCancel();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }  // gRPC writes into our members until its operation has come back
}

WatchCall::Event WatchCall::Next(std::chrono::steady_clock::time_point until) {
  if (pending_ == Pending::kNone) {
    message_.Clear();
    reader_->Read(&message_, this);
    pending_ = Pending::kRead;
  }
  const auto deadline = std::chrono::system_clock::now() + (until - std::chrono::steady_clock::now());
  void* tag = nullptr;
  bool ok = false;
  while (queue_.AsyncNext(&tag, &ok, std::chrono::time_point_cast<std::chrono::system_clock::duration>(deadline)) ==
         grpc::CompletionQueue::GOT_EVENT) {
    if (pending_ == Pending::kFinish) {
      pending_ = Pending::kNone;
      return status_.ok() ? StreamEnd{} : StreamEnd{ToError(status_)};
    }
    if (!ok) {
      reader_->Finish(&status_, this);
      pending_ = Pending::kFinish;
    } else if (pending_ == Pending::kRead) {
      pending_ = Pending::kNone;
      return std::move(message_);
    } else {
      reader_->Read(&message_, this);
      pending_ = Pending::kRead;
    }
  }
  return Silence{};
}

}  // namespace jobstatus
