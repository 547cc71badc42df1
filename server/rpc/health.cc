#include "rpc/health.h"

#include <optional>
#include <utility>

#include "rpc/errors.h"

namespace rpc {
namespace {

constexpr std::size_t kMaxListed = 100;               // the protocol's
constexpr std::size_t kMaxHealthRequestBytes = 1024;  // it is kept as long as the stream

}  // namespace

// What the board calls. Outlives the service, as the board may be calling it still when that ends.
class Health::Reachability final : public board::ReachabilityWatcher,
                                   public std::enable_shared_from_this<Health::Reachability> {
 public:
  Reachability(Health& health, std::shared_ptr<Loop::Inbox> inbox) : health_(health), inbox_(std::move(inbox)) {}
  void OnReachability() override {
    inbox_->Post([self = shared_from_this()] { self->health_.LookAgain(); });
  }

 private:
  Health& health_;  // touched only on the loop
  const std::shared_ptr<Loop::Inbox> inbox_;
};

Health::Health(board::Board& board, std::string service, std::size_t max_watches)
    : board_(board), service_(std::move(service)), max_watches_(max_watches) {}

Health::~Health() = default;

void Health::Start(Loop& loop) {
  loop_ = &loop;
  CheckCall::Await(loop, *this, &Health::RequestCheck, check_);
  ListCall::Await(loop, *this, &Health::RequestList, list_);
  AwaitWatch();
  reachability_ = board_.SubscribeToReachability(std::make_shared<Reachability>(*this, loop.inbox()));
}

void Health::Drain() {
  draining_ = true;
  loop_->inbox()->Post([this] { LookAgain(); });
}

void Health::LookAgain() {
  for (HealthWatch& watch : watches_) watch.LookAgain();
}

Health::Now Health::Look(const std::string& name) const {
  const bool draining = draining_;
  const std::optional<bool> serves = name.empty() || name == service_ ? true : board_.IsReachable(name);
  if (!serves) return {health::HealthCheckResponse::SERVICE_UNKNOWN, draining};
  return {*serves && !draining ? health::HealthCheckResponse::SERVING : health::HealthCheckResponse::NOT_SERVING,
          draining};
}

void Health::Check(CheckCall& call) const {
  const Serving status = Look(call.request().service()).status;
  if (status == health::HealthCheckResponse::SERVICE_UNKNOWN) {
    return call.Finish({grpc::StatusCode::NOT_FOUND,
                        "health is known of \"\", \"" + service_ + "\" and each backend by its configured name"});
  }
  call.response().set_status(status);
  call.Finish(grpc::Status::OK);
}

void Health::List(ListCall& call) const {
  auto& statuses = *call.response().mutable_statuses();
  const auto add = [&](const std::string& name) { statuses[name].set_status(Look(name).status); };
  add("");
  add(service_);
  for (const board::BackendState& backend : board_.Backends()) add(backend.name);
  if (statuses.size() <= kMaxListed) return call.Finish(grpc::Status::OK);
  call.Finish({grpc::StatusCode::RESOURCE_EXHAUSTED,
               "there are more than 100 names, the most that List may tell; use ListBackends"});
}

void Health::AwaitWatch() {
  watches_.emplace_front(*this, *loop_);
  watches_.front().place = watches_.begin();
}

void Health::OnArrived(HealthWatch& watch) {
  AwaitWatch();
  if (watch.request().ByteSizeLong() > kMaxHealthRequestBytes)
    return watch.Refuse(InvalidArgument("service", "is too long"));
  if (served_ >= max_watches_) return watch.Refuse(TooManyStreams("health", max_watches_));
  ++served_;
  watch.Serve();
}

void Health::OnOver(HealthWatch& watch) {
  if (watch.is_served()) --served_;
  watches_.erase(watch.place);
}

}  // namespace rpc
