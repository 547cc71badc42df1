// A real gRPC service on a loopback port that does what a test tells it, step by step.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "client/make.h"
#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"

namespace jobstatus {

using comfyui::jobstatus::v1::GetStatusRequest;
using comfyui::jobstatus::v1::GetStatusResponse;
using comfyui::jobstatus::v1::ListBackendsRequest;
using comfyui::jobstatus::v1::WatchStatusRequest;

// One WatchStatus call at the service's end. Thread-safe.
class WatchStream {
 public:
  explicit WatchStream(WatchStatusRequest request) : request_(std::move(request)) {}
  virtual ~WatchStream() = default;

  const WatchStatusRequest& request() const { return request_; }
  virtual void Send(const WatchStatusResponse& message) = 0;
  void Send(const JobStatus& status) { Send(MakeMessage(status)); }
  // After what was sent.
  virtual void Finish(const grpc::Status& status) = 0;
  // Returns when the caller has left; false: it has not, for long.
  virtual bool AwaitCancelled() = 0;

 private:
  WatchStatusRequest request_;
};

class ScriptedService {
 public:
  // Listens on a free port; without encryption unless credentials are given.
  explicit ScriptedService(std::shared_ptr<grpc::ServerCredentials> credentials = {});
  ~ScriptedService();

  std::string target() const { return "127.0.0.1:" + std::to_string(port_); }

  // Breaks all connections. Start listens on the same port again.
  void Stop();
  void Start();

  // The next WatchStatus call, in their order. Fails the test and throws when none comes for long.
  std::shared_ptr<WatchStream> NextWatch();

  // The unary calls; set before the call. `token`: what every call must carry, if not empty.
  std::function<grpc::Status(const GetStatusRequest&, GetStatusResponse&)> get_status;
  std::function<grpc::Status(const ListStatusesRequest&, ListStatusesResponse&)> list_statuses;
  std::function<grpc::Status(const ListBackendsRequest&, ListBackendsResponse&)> list_backends;
  std::string token;

 private:
  class Service;

  std::shared_ptr<grpc::ServerCredentials> credentials_;
  int port_ = 0;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;  // protects watches_: gRPC's threads add, the test takes
  std::condition_variable added_;
  std::deque<std::shared_ptr<WatchStream>> watches_;
};

}  // namespace jobstatus
