#include "bench/idle_nap.h"

#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <future>

namespace bench {

IdleNapGuard::IdleNapGuard(std::shared_ptr<grpc::Channel> in_process)
    : channel_(std::move(in_process)), thread_([this] { Run(); }) {}

IdleNapGuard::~IdleNapGuard() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_one();
  thread_.join();
}

void IdleNapGuard::Run() {
  grpc::GenericStub stub(channel_);
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, std::chrono::milliseconds(400), [this] { return stopping_; })) {
    lock.unlock();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
    // Any answer wakes the threads; this call is not counted among those of the contract.
    const grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    std::promise<void> answered;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", {}, &request, &response,
                   [&](const grpc::Status&) { answered.set_value(); });
    answered.get_future().wait();
    lock.lock();
  }
}

}  // namespace bench
