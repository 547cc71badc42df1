#include "rpc/served.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <stdexcept>
#include <thread>

#include "rpc/clock.h"

using namespace std::chrono_literals;

void NotedSource::LookFor(const std::string& job_id, jobs::Steady) {
  const std::lock_guard lock(mutex_);
  ++looks_[job_id];
  noted_.notify_all();
}

void NotedSource::StopLookingFor(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  ++stops_[job_id];
  noted_.notify_all();
}

void NotedSource::AwaitLooks(const std::string& job_id, int count) {
  std::unique_lock lock(mutex_);
  ASSERT_TRUE(noted_.wait_for(lock, 20s, [&] { return looks_[job_id] >= count; })) << "nobody looked for " << job_id;
}

int NotedSource::looks(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto looks = looks_.find(job_id);
  return looks == looks_.end() ? 0 : looks->second;
}

int NotedSource::stops(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto stops = stops_.find(job_id);
  return stops == stops_.end() ? 0 : stops->second;
}

namespace {

// Keeps gRPC up from the first test to the end of the process. With the last server or channel it would shut itself
// down, and wait up to 10 s for its poller where a write was stuck (gRPC 1.51, tcp_posix.cc).
[[maybe_unused]] const bool kGrpcStaysUp = (grpc_init(), true);

std::vector<jobs::BackendName> Configs(const std::vector<std::string>& names) {
  std::vector<jobs::BackendName> configs;
  for (const std::string& name : names) configs.push_back({name, "http://" + name + ":8188"});
  return configs;
}

}  // namespace

Served::Served(Options options)
    : board(Configs(options.backends), options.limits, kFirstRevision, {.archive = options.archive}) {
  for (const std::string& name : options.backends) board.Connect(name, sources[name]);
  options.server.listen = "127.0.0.1:0";
  auto started = rpc::Server::Start(board, options.server);
  if (!started) throw std::runtime_error(started.error());
  server = std::move(*started);
  stub = Connect();
}

Served::~Served() {
  // What the observers do when they are stopped: whoever still waits has an answer.
  for (const auto& backend : board.Backends()) {
    for (const auto& id : {"x", "y"})
      Observe(backend.name, jobs::LookupFailed{id, {.detail = "stopping"}, jobs::Steady::max()});
  }
}

std::unique_ptr<pb::JobStatusService::Stub> Served::Connect(bool small_window) const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (small_window) {
    arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  }
  return pb::JobStatusService::NewStub(
      grpc::CreateCustomChannel(server->address(), grpc::InsecureChannelCredentials(), arguments));
}

std::unique_ptr<pb::JobStatusService::Stub> Served::ConnectFrom(const std::string& address) const {
  const auto loopback = [](const std::string& host, int port) {
    sockaddr_in name{
        .sin_family = AF_INET, .sin_port = htons(static_cast<std::uint16_t>(port)), .sin_addr = {}, .sin_zero = {}};
    inet_pton(AF_INET, host.c_str(), &name.sin_addr);
    return name;
  };
  const std::string& to = server->address();
  const std::size_t colon = to.rfind(':');
  const sockaddr_in here = loopback(address, 0);
  const sockaddr_in there = loopback(to.substr(0, colon), std::stoi(to.substr(colon + 1)));
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
      connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
    throw std::runtime_error("cannot connect from " + address);
  return pb::JobStatusService::NewStub(grpc::CreateInsecureChannelFromFd(to, fd));
}

void Served::Observe(const std::string& backend, jobs::Observation observation) {
  board.Observe(backend, std::move(observation), rpc::WallNow());
}

void Served::Missed(const std::string& job_id, const std::string& backend) {
  Observe(backend, jobs::LookupMissed{job_id, rpc::SteadyNow()});
}

void Served::NotAsked(const std::string& job_id, const jobs::BackendError& error, const std::string& backend) {
  Observe(backend, jobs::LookupFailed{job_id, error, rpc::SteadyNow()});
}

Served::Got Served::Get(const std::string& job_id, const std::string& backend) const {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 30s);
  pb::GetStatusRequest request;
  request.set_job_id(job_id);
  request.set_backend(backend);
  pb::GetStatusResponse response;
  Got got;
  got.status = stub->GetStatus(&context, request, &response);
  EXPECT_EQ(got.status.ok(), response.has_status());
  got.job = response.status();
  return got;
}

std::unique_ptr<WatchCall> Served::WatchOnceAdmitted(const pb::WatchStatusRequest& request) const {
  const auto give_up = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < give_up) {
    auto watch = std::make_unique<WatchCall>(*stub, request);
    if (watch->Read()) return watch;
    EXPECT_EQ(CodeAndReason(watch->Finish()), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
    std::this_thread::yield();
  }
  throw std::runtime_error("no place became free");
}
