#include "bench/watchers.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <stdexcept>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 60s;  // tens of thousands take some seconds

}  // namespace

std::uint64_t NewestRevision(const std::string& address) {
  const auto stub = pb::JobStatusService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + 20s);
  context.set_wait_for_ready(true);
  pb::ListStatusesRequest request;
  request.set_page_size(1);
  pb::ListStatusesResponse response;
  if (const grpc::Status status = stub->ListStatuses(&context, request, &response); !status.ok())
    throw std::runtime_error("no statuses are listed: " + status.error_message());
  return response.statuses().empty() ? 0 : response.statuses(0).revision();
}

struct Watchers::Stream {
  enum class Step { kCalling, kAwaitingMetadata, kReading };
  Step step = Step::kCalling;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientAsyncReader<pb::WatchStatusResponse>> reader;
  pb::WatchStatusResponse message;
  std::size_t told = 0;  // the last that was expected and came
};

struct Watchers::Connection {
  std::unique_ptr<pb::JobStatusService::Stub> stub;
  grpc::CompletionQueue queue;
  std::size_t open = 0;  // streams
};

// By way of the other constructor, so that the destructor ends the threads if this one throws.
Watchers::Watchers(const std::string& address, std::size_t count, std::uint64_t after_revision, std::size_t connections)
    : Watchers() {
  expected_ = 1;  // that they stand
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or they would share one connection
  for (std::size_t i = 0; i < std::min(count, connections); ++i) {
    connections_.push_back(std::make_unique<Connection>());
    connections_.back()->stub = pb::JobStatusService::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }
  pb::WatchStatusRequest request;
  request.set_after_revision(after_revision);
  for (std::size_t i = 0; i < count; ++i) {
    Connection& connection = *connections_[i % connections_.size()];
    ++connection.open;
    streams_.push_back(std::make_unique<Stream>());
    Stream& stream = *streams_.back();
    stream.reader = connection.stub->PrepareAsyncWatchStatus(&stream.context, request, &connection.queue);
    stream.reader->StartCall(&stream);
  }
  for (const auto& connection : connections_) threads_.emplace_back([this, &connection] { Read(*connection); });
  AwaitLast();
}

Watchers::Watchers() = default;

Watchers::~Watchers() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  for (const auto& stream : streams_) stream->context.TryCancel();
  for (std::thread& thread : threads_) thread.join();
}

void Watchers::Expect(Wanted wanted) {
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(wanted);
  ++expected_;
  told_ = 0;
}

Clock::time_point Watchers::AwaitLast() {
  std::unique_lock lock(mutex_);
  const bool over = changed_.wait_for(lock, kPatience, [this] { return ended_ || told_ == streams_.size(); });
  if (ended_) throw std::runtime_error("a watch ended");
  if (!over) throw std::runtime_error("only " + std::to_string(told_) + " watchers were told in time");
  return last_told_;
}

void Watchers::Read(Connection& connection) {
  void* tag = nullptr;
  for (bool ok = false; connection.queue.Next(&tag, &ok);) {
    Stream& stream = *static_cast<Stream*>(tag);
    if (!ok) {  // no more of this stream
      const std::lock_guard lock(mutex_);
      ended_ = ended_ || !stopping_;
      changed_.notify_all();
      if (--connection.open == 0) connection.queue.Shutdown();
    } else if (stream.step == Stream::Step::kCalling) {
      stream.step = Stream::Step::kAwaitingMetadata;
      stream.reader->ReadInitialMetadata(&stream);
    } else {
      Told(stream);
      stream.step = Stream::Step::kReading;
      stream.reader->Read(&stream.message, &stream);
    }
  }
}

void Watchers::Told(Stream& stream) {
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (stream.told == expected_) return;
  if (stream.step == Stream::Step::kReading && (!wanted_ || !wanted_(stream.message))) return;
  stream.told = expected_;
  last_told_ = std::max(last_told_, now);
  if (++told_ == streams_.size()) changed_.notify_all();
}

}  // namespace bench
