#include "client/scripted_service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>

namespace jobstatus {
namespace {

constexpr std::chrono::seconds kLong{30};

class StreamReactor : public WatchStream, public grpc::ServerWriteReactor<WatchStatusResponse> {
 public:
  using WatchStream::WatchStream;

  void KeepUntilDone(std::shared_ptr<StreamReactor> self) { self_ = std::move(self); }

  void Send(const WatchStatusResponse& message) override {
    {
      const std::scoped_lock lock(mutex_);
      queue_.push_back(message);
    }
    Advance();
  }

  void Finish(const grpc::Status& status) override {
    {
      const std::scoped_lock lock(mutex_);
      if (!end_) end_ = status;
    }
    Advance();
  }

  bool AwaitCancelled() override {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kLong, [this] { return cancelled_; });
  }

  void OnWriteDone(bool ok) override {
    {
      const std::scoped_lock lock(mutex_);
      busy_ = false;
      if (ok) {
        queue_.pop_front();
      } else {
        queue_.clear();
      }
    }
    Advance();
  }

  void OnCancel() override {
    {
      const std::scoped_lock lock(mutex_);
      cancelled_ = true;
      if (!busy_) queue_.clear();
      if (!end_) end_ = grpc::Status::CANCELLED;
    }
    changed_.notify_all();
    Advance();
  }

  void OnDone() override { std::exchange(self_, nullptr); }

 private:
  // Decides under the lock what to do next, and does it outside: reactions may come at once.
  void Advance() {
    const std::shared_ptr<StreamReactor> alive = self_;
    const WatchStatusResponse* next = nullptr;
    std::optional<grpc::Status> end;
    {
      const std::scoped_lock lock(mutex_);
      if (busy_) return;
      if (!queue_.empty()) {
        next = &queue_.front();
      } else if (end_ && !finished_) {
        end = end_;
        finished_ = true;
      } else {
        return;
      }
      busy_ = true;  // after the end, for good
    }
    if (next != nullptr) {
      StartWrite(next);
    } else {
      ServerWriteReactor::Finish(*end);
    }
  }

  std::shared_ptr<StreamReactor> self_;  // gRPC's share of the reactor
  std::mutex mutex_;                     // protects the rest: the test tells, gRPC's threads react
  std::condition_variable changed_;
  std::deque<WatchStatusResponse> queue_;
  std::optional<grpc::Status> end_;
  bool busy_ = false;
  bool finished_ = false;
  bool cancelled_ = false;
};

}  // namespace

class ScriptedService::Service : public comfyui::jobstatus::v1::JobStatusService::CallbackService {
 public:
  explicit Service(ScriptedService& owner) : owner_(owner) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const GetStatusRequest* request,
                                      GetStatusResponse* response) override {
    return Answer(context, owner_.get_status, *request, *response);
  }
  grpc::ServerUnaryReactor* ListStatuses(grpc::CallbackServerContext* context, const ListStatusesRequest* request,
                                         ListStatusesResponse* response) override {
    return Answer(context, owner_.list_statuses, *request, *response);
  }
  grpc::ServerUnaryReactor* ListBackends(grpc::CallbackServerContext* context, const ListBackendsRequest* request,
                                         ListBackendsResponse* response) override {
    return Answer(context, owner_.list_backends, *request, *response);
  }

  grpc::ServerWriteReactor<WatchStatusResponse>* WatchStatus(grpc::CallbackServerContext* context,
                                                             const WatchStatusRequest* request) override {
    auto stream = std::make_shared<StreamReactor>(*request);
    stream->KeepUntilDone(stream);
    if (!Allowed(*context)) {
      static_cast<WatchStream&>(*stream).Finish(Refusal());
      return stream.get();
    }
    {
      const std::scoped_lock lock(owner_.mutex_);
      owner_.watches_.push_back(stream);
    }
    owner_.added_.notify_all();
    return stream.get();
  }

 private:
  template <typename Handler, typename Request, typename Response>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const Handler& handler, const Request& request,
                                   Response& response) {
    grpc::Status status(grpc::StatusCode::UNIMPLEMENTED, "not scripted");
    if (!Allowed(*context)) {
      status = Refusal();
    } else if (handler) {
      status = handler(request, response);
    }
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
  }

  bool Allowed(const grpc::CallbackServerContext& context) const {
    if (owner_.token.empty()) return true;
    const auto found = context.client_metadata().find("authorization");
    return found != context.client_metadata().end() && found->second == "Bearer " + owner_.token;
  }

  static grpc::Status Refusal() {
    return MakeFailure(grpc::StatusCode::UNAUTHENTICATED, "token missing or wrong", "UNAUTHENTICATED");
  }

  ScriptedService& owner_;
};

ScriptedService::ScriptedService(std::shared_ptr<grpc::ServerCredentials> credentials)
    : credentials_(credentials ? std::move(credentials) : grpc::InsecureServerCredentials()) {
  Start();
}
ScriptedService::~ScriptedService() {
  Stop();
}

void ScriptedService::Start() {
  service_ = std::make_unique<Service>(*this);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port_), credentials_, &port_);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) throw std::runtime_error("the port is taken");
}

void ScriptedService::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

std::shared_ptr<WatchStream> ScriptedService::NextWatch() {
  std::unique_lock lock(mutex_);
  if (!added_.wait_for(lock, kLong, [this] { return !watches_.empty(); })) {
    ADD_FAILURE() << "no watch came";
    throw std::runtime_error("no watch came");
  }
  std::shared_ptr<WatchStream> stream = std::move(watches_.front());
  watches_.pop_front();
  return stream;
}

}  // namespace jobstatus
