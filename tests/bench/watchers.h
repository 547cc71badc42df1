#pragma once

#include <grpcpp/completion_queue.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"

namespace bench {

namespace pb = comfyui::jobstatus::v1;
using Clock = std::chrono::steady_clock;

// Of the newest status that the service at `address` has; 0: it has none.
std::uint64_t NewestRevision(const std::string& address);

// So many WatchStatus streams of all jobs, over up to four connections that are read by one thread each. With a
// completion queue, since gRPC's callback threads nap after a second of quiet, and the nap would be taken for the
// server's.
class Watchers {
 public:
  // Returns once the service has taken all streams.
  Watchers(const std::string& address, std::size_t count, std::uint64_t after_revision = 0,
           std::size_t connections = 4);
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  using Wanted = std::function<bool(const pb::WatchStatusResponse&)>;

  // From now on a stream counts as told when a message comes that is wanted.
  void Expect(Wanted wanted);

  // When the last stream was told. Waits for it; throws std::runtime_error if that takes over a minute or a stream
  // ends.
  Clock::time_point AwaitLast();

 private:
  struct Stream;
  struct Connection;

  Watchers();
  void Read(Connection& connection);
  void Told(Stream& stream);

  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // guards what follows, and what the streams have of it
  std::condition_variable changed_;
  Wanted wanted_;
  std::size_t expected_ = 0;  // how often something was
  std::size_t told_ = 0;      // streams, of what is expected
  Clock::time_point last_told_;
  bool ended_ = false;  // a stream, before its time
  bool stopping_ = false;
};

}  // namespace bench
