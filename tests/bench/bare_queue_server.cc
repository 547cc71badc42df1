// What our streams are measured against: the least that gRPC's C++ library can do by its completion queue, with one
// thread. It tells all WatchStatus streams something whenever ListStatuses is called, encoded once for all of them.
// ListBackends answers with an empty message.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <string>
#include <unordered_set>

#include "bench/bare_status.h"
#include "bench/server_options.h"
#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "fakes/address_file.h"

namespace {

namespace pb = comfyui::jobstatus::v1;

// What an event of the queue is for.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Happened(bool ok) = 0;
};

class Bare final {
 public:
  using Service = pb::JobStatusService::WithRawMethod_WatchStatus<pb::JobStatusService::WithAsyncMethod_ListStatuses<
      pb::JobStatusService::WithAsyncMethod_ListBackends<pb::JobStatusService::Service>>>;

  explicit Bare(const std::string& address_file) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    fakes::WriteAddress(address_file, "127.0.0.1:" + std::to_string(port));
  }

  void Serve() {  // until it is killed
    for (int i = 0; i < 100; ++i) new Stream(*this);
    new TellAll(*this);
    new Empty(*this);
    void* tag = nullptr;
    for (bool ok = false; queue_->Next(&tag, &ok);) static_cast<Tag*>(tag)->Happened(ok);
  }

 private:
  // Tells the newest of what it is to tell, and misses what came between.
  class Stream final : public Tag {
   public:
    explicit Stream(Bare& bare) : bare_(bare), writer_(&context_) {
      context_.AsyncNotifyWhenDone(&left_);
      bare.service_.RequestWatchStatus(&context_, &request_, &writer_, bare.queue_.get(), bare.queue_.get(), this);
    }

    void Tell(const grpc::ByteBuffer& message) {
      newest_ = message;
      is_new_ = true;
      if (!busy_) Write();
    }

   private:
    class Left final : public Tag {
     public:
      explicit Left(Stream& stream) : stream_(stream) {}
      void Happened(bool) override { stream_.HasLeft(); }

     private:
      Stream& stream_;
    };

    void Happened(bool ok) override {
      if (finishing_) {
        finished_ = true;
        if (has_left_) delete this;
        return;
      }
      busy_ = false;
      if (!begun_) {
        begun_ = busy_ = true;
        new Stream(bare_);
        bare_.streams_.insert(this);
        writer_.SendInitialMetadata(this);
      } else if (has_left_) {
        Finish();
      } else if (ok && is_new_) {
        Write();
      }
    }

    void HasLeft() {
      has_left_ = true;
      bare_.streams_.erase(this);
      if (finished_) {
        delete this;
      } else if (!busy_) {
        Finish();
      }
    }

    void Finish() {
      finishing_ = true;
      writer_.Finish(grpc::Status::CANCELLED, this);
    }

    void Write() {
      busy_ = true;
      is_new_ = false;
      writer_.Write(newest_, this);
    }

    Bare& bare_;
    grpc::ServerContext context_;
    grpc::ByteBuffer request_;
    grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_;
    Left left_{*this};
    grpc::ByteBuffer newest_;
    bool begun_ = false;
    bool is_new_ = false;
    bool busy_ = true;
    bool has_left_ = false;
    bool finishing_ = false;
    bool finished_ = false;
  };

  template <class Request, class Response>
  class Unary : public Tag {
   public:
    void Happened(bool ok) final {
      if (answered_ || !ok) {
        delete this;
        return;
      }
      answered_ = true;
      Answer();
      responder_.Finish(response_, grpc::Status::OK, this);
    }

   protected:
    explicit Unary(Bare& bare) : bare_(bare), responder_(&context_) {}
    virtual void Answer() = 0;

    Bare& bare_;
    grpc::ServerContext context_;
    Request request_;
    Response response_;
    grpc::ServerAsyncResponseWriter<Response> responder_;
    bool answered_ = false;
  };

  class TellAll final : public Unary<pb::ListStatusesRequest, pb::ListStatusesResponse> {
   public:
    explicit TellAll(Bare& bare) : Unary(bare) {
      bare.service_.RequestListStatuses(&context_, &request_, &responder_, bare.queue_.get(), bare.queue_.get(), this);
    }

   private:
    void Answer() override {
      new TellAll(bare_);
      const grpc::ByteBuffer message = bench::EncodedStatus(++bare_.told_);
      for (Stream* const stream : bare_.streams_) stream->Tell(message);
    }
  };

  class Empty final : public Unary<pb::ListBackendsRequest, pb::ListBackendsResponse> {
   public:
    explicit Empty(Bare& bare) : Unary(bare) {
      bare.service_.RequestListBackends(&context_, &request_, &responder_, bare.queue_.get(), bare.queue_.get(), this);
    }

   private:
    void Answer() override { new Empty(bare_); }
  };

  Service service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::unordered_set<Stream*> streams_;
  std::uint64_t told_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto options =
      bench::ReadServerOptions("Streams by gRPC's completion queue with the least that can be done", argc, argv);
  Bare(options.address_file).Serve();
}
