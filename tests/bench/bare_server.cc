// What our calls are measured against: the least that gRPC's C++ library can do, by its callback API, which ours uses,
// too. ListBackends answers with an empty message. GetStatus answers as one would who has not measured it: a status is
// looked up, built and serialised for each call. WatchStatus streams are told something whenever ListStatuses is
// called, which is encoded once for all of them.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "bench/bare_status.h"
#include "bench/idle_nap.h"
#include "bench/server_options.h"
#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "fakes/address_file.h"

namespace {

namespace pb = comfyui::jobstatus::v1;

class Bare final
    : public pb::JobStatusService::WithRawCallbackMethod_WatchStatus<pb::JobStatusService::CallbackService> {
 public:
  explicit Bare(int jobs) {
    for (int job = 0; job < jobs; ++job) {
      const std::string id = "job-" + std::to_string(job);
      statuses_.emplace(id, bench::StatusOf(id));
    }
  }

 private:
  // Tells the newest of what it is to tell, and misses what came between.
  class Stream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
   public:
    explicit Stream(Bare& bare) : bare_(bare) { StartSendInitialMetadata(); }

    void Tell(const grpc::ByteBuffer& message) {
      const std::lock_guard lock(mutex_);
      newest_ = message;
      is_new_ = true;
      if (!writing_) Write();
    }

   private:
    void OnWriteDone(bool ok) override {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (left_) return Finish(grpc::Status::CANCELLED);
      if (ok && is_new_) Write();
    }

    void OnCancel() override {
      bare_.Leave(this);
      const std::lock_guard lock(mutex_);
      left_ = true;
      if (!writing_) Finish(grpc::Status::CANCELLED);
    }

    void OnDone() override { delete this; }

    void Write() {
      writing_ = true;
      is_new_ = false;
      written_ = newest_;
      StartWrite(&written_);
    }

    Bare& bare_;
    std::mutex mutex_;  // guards the rest
    grpc::ByteBuffer newest_;
    grpc::ByteBuffer written_;
    bool is_new_ = false;
    bool writing_ = false;
    bool left_ = false;
  };

  grpc::ServerUnaryReactor* ListBackends(grpc::CallbackServerContext* context, const pb::ListBackendsRequest*,
                                         pb::ListBackendsResponse*) override {
    return Done(context, grpc::Status::OK);
  }

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const pb::GetStatusRequest* request,
                                      pb::GetStatusResponse* response) override {
    const auto found = statuses_.find(request->job_id());
    if (found == statuses_.end()) return Done(context, {grpc::StatusCode::NOT_FOUND, "no such job"});
    *response->mutable_status() = found->second;
    return Done(context, grpc::Status::OK);
  }

  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStatus(grpc::CallbackServerContext*,
                                                          const grpc::ByteBuffer*) override {
    const std::lock_guard lock(mutex_);
    return *streams_.insert(new Stream(*this)).first;  // gRPC tells it when it is done with it
  }

  grpc::ServerUnaryReactor* ListStatuses(grpc::CallbackServerContext* context, const pb::ListStatusesRequest*,
                                         pb::ListStatusesResponse*) override {
    const std::lock_guard lock(mutex_);
    const grpc::ByteBuffer encoded = bench::EncodedStatus(++told_);
    for (Stream* const stream : streams_) stream->Tell(encoded);
    return Done(context, grpc::Status::OK);
  }

  static grpc::ServerUnaryReactor* Done(grpc::CallbackServerContext* context, const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  void Leave(Stream* stream) {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream);
  }

  std::unordered_map<std::string, pb::JobStatus> statuses_;  // not changed once calls are taken
  std::mutex mutex_;                                         // guards the two below
  std::set<Stream*> streams_;
  std::uint64_t told_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::ReadServerOptions("Does with gRPC the least that can be done", argc, argv);

  Bare bare(options.jobs);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&bare);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  const bench::IdleNapGuard awake(server->InProcessChannel({}));
  fakes::WriteAddress(options.address_file, "127.0.0.1:" + std::to_string(port));
  server->Wait();  // until it is killed
}
