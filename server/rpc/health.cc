#include "rpc/health.h"

#include <utility>

#include "rpc/errors.h"

namespace rpc {
namespace {

constexpr std::size_t kMaxListed = 100;         // the protocol's
constexpr std::size_t kMaxRequestBytes = 1024;  // gRPC keeps the request as long as the stream

// A stream that was refused: it only ends.
class Refusal final : public grpc::ServerWriteReactor<health::HealthCheckResponse> {
 public:
  explicit Refusal(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context, const grpc::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace

// Apart from the service, since the board may be calling it still when the service ends.
class Health::Watches final : public OpenStreams<HealthWatch>, public board::ReachabilityWatcher {
 public:
  using OpenStreams::OpenStreams;
  void OnReachability() override { LookAgain(); }
  void LookAgain() const {
    for (const auto& watch : All()) watch->LookAgain();
  }
};

Health::Health(board::Board& board, std::string service, std::size_t max_watches)
    : board_(board),
      service_(std::move(service)),
      watches_(std::make_shared<Watches>(max_watches)),
      reachability_(board.SubscribeToReachability(watches_)) {}

Health::~Health() = default;

void Health::Drain() {
  draining_ = true;
  watches_->LookAgain();
}

HealthSource::Now Health::Look(const std::string& name) const {
  const bool draining = draining_;
  const std::optional<bool> serves = name.empty() || name == service_ ? true : board_.IsReachable(name);
  if (!serves) return {health::HealthCheckResponse::SERVICE_UNKNOWN, draining};
  return {*serves && !draining ? health::HealthCheckResponse::SERVING : health::HealthCheckResponse::NOT_SERVING,
          draining};
}

grpc::ServerUnaryReactor* Health::Check(grpc::CallbackServerContext* context, const health::HealthCheckRequest* request,
                                        health::HealthCheckResponse* response) {
  const Serving status = Look(request->service()).status;
  if (status == health::HealthCheckResponse::SERVICE_UNKNOWN) {
    return Finish(context, {grpc::StatusCode::NOT_FOUND,
                            "health is known of \"\", \"" + service_ + "\" and each backend by its configured name"});
  }
  response->set_status(status);
  return Finish(context, grpc::Status::OK);
}

grpc::ServerUnaryReactor* Health::List(grpc::CallbackServerContext* context, const health::HealthListRequest*,
                                       health::HealthListResponse* response) {
  const auto add = [&](const std::string& name) {
    (*response->mutable_statuses())[name].set_status(Look(name).status);
  };
  add("");
  add(service_);
  for (const board::BackendState& backend : board_.Backends()) add(backend.name);
  if (response->statuses().size() <= kMaxListed) return Finish(context, grpc::Status::OK);
  return Finish(context, {grpc::StatusCode::RESOURCE_EXHAUSTED,
                          "there are more than 100 names, the most that List may tell; use ListBackends"});
}

grpc::ServerWriteReactor<health::HealthCheckResponse>* Health::Watch(grpc::CallbackServerContext*,
                                                                     const health::HealthCheckRequest* request) {
  if (request->ByteSizeLong() > kMaxRequestBytes) return new Refusal(InvalidArgument("service", "is too long"));
  const HealthSource& source = *this;
  const auto watch = std::make_shared<HealthWatch>(request->service(), source, *watches_);
  if (!watches_->Add(watch)) return new Refusal(TooManyStreams("health", watches_->max()));
  watch->Start();
  return watch.get();
}

}  // namespace rpc
