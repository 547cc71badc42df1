#pragma once

#include <grpcpp/channel.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

namespace bench {

// Keeps the callback threads of a bare server awake, so that it is no worse than it need be. In gRPC 1.51
// (src/cpp/common/completion_queue_cc.cc) a thread that finds nothing to do for a second sleeps for 100 ms without
// looking. A call to ourselves every 400 ms, over the in-process channel, leaves no quiet second.
class IdleNapGuard {
 public:
  explicit IdleNapGuard(std::shared_ptr<grpc::Channel> in_process);
  ~IdleNapGuard();

 private:
  void Run();

  const std::shared_ptr<grpc::Channel> channel_;
  std::mutex mutex_;  // guards stopping_
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;  // runs Run; its own, since a call to ourselves from a handler would block the server
};

}  // namespace bench
