#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <type_traits>
#include <utility>

#include "rpc/loop.h"

namespace rpc {

// One unary call. It is its own owner: the queue of its loop, which tells what becomes of it, has the only pointer.
template <class Request, class Response>
class UnaryCall {
 public:
  // On the thread of the loop. Sees to it that Finish is called, once.
  using Handler = std::function<void(UnaryCall&)>;

  // What `loop` is to await: calls of a method of `service`, by its RequestX. All three must outlive the loop.
  template <class Service>
  using RequestX = void (Service::*)(grpc::ServerContext*, Request*, grpc::ServerAsyncResponseWriter<Response>*,
                                     grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void* tag);
  template <class Service>
  static void Await(Loop& loop, std::type_identity_t<Service>& service, RequestX<Service> request,
                    const Handler& handler) {
    const auto await_next = [&loop, &service, request, &handler] { Await<Service>(loop, service, request, handler); };
    auto* const call = new UnaryCall(await_next, handler);
    (service.*request)(&call->context_, &call->request_, &call->writer_, &loop.queue(), &loop.queue(), &call->tag_);
  }

  const grpc::ServerContext& context() const { return context_; }
  const Request& request() const { return request_; }
  Response& response() { return response_; }

  // By any thread. This is no more when it returns.
  void Finish(const grpc::Status& status) {
    if (status.ok()) {
      writer_.Finish(response_, status, &tag_);
    } else {
      writer_.FinishWithError(status, &tag_);
    }
  }

 private:
  UnaryCall(std::function<void()> await_next, const Handler& handler)
      : await_next_(std::move(await_next)), handler_(handler) {}

  void OnEvent(bool ok) {
    if (!ok || has_come_) {  // the server is down, or the call is over
      delete this;
      return;
    }
    has_come_ = true;
    await_next_();
    handler_(*this);
  }

  const std::function<void()> await_next_;
  const Handler& handler_;
  grpc::ServerContext context_;
  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> writer_{&context_};
  Loop::TagOf<UnaryCall, &UnaryCall::OnEvent> tag_{*this};
  bool has_come_ = false;
};

}  // namespace rpc
