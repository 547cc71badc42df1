#include "rpc/idle_nap.h"

#include <grpcpp/client_context.h>

#include <chrono>

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"

namespace rpc {

namespace pb = comfyui::jobstatus::v1;

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
  const auto stub = pb::JobStatusService::NewStub(channel_);
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, std::chrono::milliseconds(400), [this] { return stopping_; })) {
    lock.unlock();
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
    pb::GetStatusResponse response;
    // No id: refused at once, which wakes the threads as well as any answer.
    stub->GetStatus(&context, pb::GetStatusRequest(), &response);
    lock.lock();
  }
}

}  // namespace rpc
