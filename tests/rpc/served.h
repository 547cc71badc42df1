#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "board/board.h"
#include "rpc/error_details.h"
#include "rpc/observations.h"
#include "rpc/server.h"
#include "rpc/watch_call.h"

// Notes what it is asked to look for. Looks nowhere: the test observes what a look would have found.
class NotedSource final : public jobs::JobSource {
 public:
  void LookFor(const std::string& job_id, jobs::Steady until) override;
  void StopLookingFor(const std::string& job_id) override;

  // Returns once a job was looked for so many times.
  void AwaitLooks(const std::string& job_id, int count = 1);
  int looks(const std::string& job_id) const;
  int stops(const std::string& job_id) const;

 private:
  mutable std::mutex mutex_;  // guards the three below
  std::condition_variable noted_;
  std::map<std::string, int> looks_;
  std::map<std::string, int> stops_;
};

// The gRPC server on a free port of loopback, before a real board. Nothing happens by itself: the test observes.
class Served {
 public:
  struct Options {
    std::vector<std::string> backends = {"gpu"};
    board::Limits limits;
    rpc::ServerOptions server;
    jobs::Archive* archive = nullptr;
  };
  static constexpr std::uint64_t kFirstRevision = 1000;

  Served() : Served(Options()) {}
  explicit Served(Options options);
  ~Served();

  board::Board board;
  std::map<std::string, NotedSource> sources;
  std::unique_ptr<rpc::Server> server;

  // Of a connection of its own, with a flow-control window as small as can be where the test wants a reader that is
  // slow.
  std::unique_ptr<pb::JobStatusService::Stub> Connect(bool small_window = false) const;
  std::unique_ptr<pb::JobStatusService::Stub> stub;

  // Of a connection from another address of loopback, such as 127.0.0.2: to the service, another peer.
  std::unique_ptr<pb::JobStatusService::Stub> ConnectFrom(const std::string& address) const;

  void Observe(jobs::Observation observation) { Observe("gpu", std::move(observation)); }
  void Observe(const std::string& backend, jobs::Observation observation);

  // The look-up that the sources were asked for has found nothing, or could not be made.
  void Missed(const std::string& job_id, const std::string& backend = "gpu");
  void NotAsked(const std::string& job_id, const jobs::BackendError& error, const std::string& backend = "gpu");

  struct Got {
    grpc::Status status;
    pb::JobStatus job;
  };
  Got Get(const std::string& job_id, const std::string& backend = "") const;

  // Watches until the service admits it: a place that was left is free only once the service has noticed.
  std::unique_ptr<WatchCall> WatchOnceAdmitted(const pb::WatchStatusRequest& request) const;
};
