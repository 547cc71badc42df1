#pragma once

#include <grpc/grpc.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "rpc/loop.h"

namespace rpc {

// One streaming call, as gRPC's completion queue has it: when what becomes of it is told, and when no more is. `Wire`
// is the class of gRPC by which it is written. All on the thread of its loop.
template <class Wire>
class ServerStream {
 public:
  const grpc::ServerContext& context() const { return context_; }

 protected:
  ServerStream() { context_.AsyncNotifyWhenDone(&left_); }
  virtual ~ServerStream() = default;
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;

  // With these it is awaited, by the service's RequestX.
  grpc::ServerContext& awaited_context() { return context_; }
  Wire& wire() { return wire_; }
  void* arrived_tag() { return &arrived_; }

  virtual void OnArrived() = 0;
  virtual void OnRead(bool) {}
  virtual void OnWritten(bool ok) = 0;
  virtual void OnCancelled() = 0;  // by the caller or for lack of it; Finish is to be called all the same
  virtual void OnOver() = 0;       // nothing more will be told: the last thing that is done with it

  // The initial metadata, which otherwise goes with what is said first. Not after that.
  void Greet() {
    ++under_way_;
    wire_.SendInitialMetadata(&greeted_);
  }
  // One at a time. What is read must live until OnRead.
  template <class Message>
  void Read(Message& message) {
    ++under_way_;
    wire_.Read(&message, &read_);
  }
  template <class Message>
  void Write(const Message& message) {
    ++under_way_;
    wire_.Write(message, &written_);
  }
  // When nothing is being written. Once.
  void Finish(const grpc::Status& status) {
    ++under_way_;
    is_finished_ = true;
    wire_.Finish(status, &finished_);
  }
  bool is_finished() const { return is_finished_; }

  // Ends the call now, with a write under way. Like TryCancel, which would say CANCELLED. The details of the status are
  // not told: they would queue behind that write.
  void Abort(const grpc::Status& status) {
    grpc_call_cancel_with_status(context_.c_call(), static_cast<grpc_status_code>(status.error_code()),
                                 status.error_message().c_str(), nullptr);
  }

 private:
  void Arrived(bool ok) {
    if (!ok) return OnOver();  // the server is down; no other tag will come
    OnArrived();
  }
  void Greeted(bool) {
    --under_way_;
    EndIfOver();
  }
  void HasRead(bool ok) {
    --under_way_;
    if (!is_finished_) OnRead(ok);
    EndIfOver();
  }
  void Written(bool ok) {
    --under_way_;
    OnWritten(ok);
  }
  void Finished(bool) {
    --under_way_;
    EndIfOver();
  }
  void Left(bool) {
    has_left_ = true;
    if (!is_finished_ && context_.IsCancelled()) OnCancelled();
    EndIfOver();
  }
  void EndIfOver() {
    if (is_finished_ && has_left_ && under_way_ == 0) OnOver();
  }

  template <void (ServerStream::*kWhat)(bool ok)>
  using Tag = Loop::TagOf<ServerStream, kWhat>;

  grpc::ServerContext context_;
  Wire wire_{&context_};
  Tag<&ServerStream::Arrived> arrived_{*this};
  Tag<&ServerStream::Greeted> greeted_{*this};
  Tag<&ServerStream::HasRead> read_{*this};
  Tag<&ServerStream::Written> written_{*this};
  Tag<&ServerStream::Finished> finished_{*this};
  Tag<&ServerStream::Left> left_{*this};
  int under_way_ = 0;         // operations, but for the end of the call
  bool is_finished_ = false;  // that it is over was said
  bool has_left_ = false;     // the call has ended
};

}  // namespace rpc
