#include "comfy/listener.h"

#include <algorithm>
#include <set>
#include <variant>

#include "comfy/clock.h"

namespace comfy {

using jobs::RunEvent;

namespace {

constexpr std::size_t kMaxCollected = 512;
constexpr std::size_t kMaxOver = 64;

// Movement within a node, which comes by the thousands and where the newest is what counts.
bool IsStep(const RunEvent& event) {
  return std::holds_alternative<RunEvent::Step>(event.what) || std::holds_alternative<RunEvent::NodeStates>(event.what);
}

// The end of a node and of nothing else: the next one begins in a moment, and then it is told with it.
bool IsPause(const RunEvent& event) {
  const auto* states = std::get_if<RunEvent::NodeStates>(&event.what);
  return states != nullptr && std::ranges::all_of(states->nodes, &RunEvent::NodeState::finished);
}

}  // namespace

Listener::Listener(boost::asio::io_context& io, const HttpOptions& http, ListenerOptions options,
                   std::function<void(jobs::Observation)> tell, std::function<void(bool is_back)> look,
                   std::function<void()> cut, Traffic& traffic)
    : io_(io),
      http_(http),
      options_(std::move(options)),
      tell_(std::move(tell)),
      look_(std::move(look)),
      cut_(std::move(cut)),
      traffic_(traffic),
      deafness_(options_.deafness),
      flush_timer_(io) {}

void Listener::Start() {
  if (!options_.enabled) return;
  seat_ = std::make_shared<Seat>(io_, http_, options_.seat, options_.client_id, RunEvent::Channel::kSeat,
                                 Seat::Ears{.taken = [this] { Taken(); },
                                            .lost = [this](const jobs::BackendError& error) { Lost(error); },
                                            .cut = cut_,
                                            .heard = [this](const SocketMessage& message) { Heard(message); }});
  seat_->Start();
}

void Listener::Stop() {
  stopped_ = true;
  flush_timer_.cancel();
  if (seat_) seat_->Stop(false);
  for (const auto& [client_id, seat] : attached_) seat->Stop(false);
}

void Listener::Retry() {
  if (seat_) seat_->Retry();
}

void Listener::Taken() {
  traffic_.SocketOpened();
  seated_ = true;
  const jobs::Steady now = SteadyNow();
  deafness_.Opened(now);
  if (answers_features_) features_due_ = now + options_.features_limit;
  tell_(jobs::ListeningObserved{true, options_.client_id, ""});
  look_(true);  // whatever happened meanwhile
}

void Listener::Lost(const jobs::BackendError& error) {
  features_due_.reset();
  seated_ = false;
  tell_(jobs::ListeningObserved{false, options_.client_id, error.detail});
  look_(false);  // it may be that ComfyUI has gone
}

void Listener::Heard(const SocketMessage& message) {
  traffic_.MessageHeard();
  const jobs::Steady now = SteadyNow();
  if (message.features) {
    answers_features_ = true;
    features_due_.reset();
  }
  if (!message.sid && !message.features) deafness_.Heard(now);
  if (message.queue_remaining) look_(false);
  if (!message.event) return;
  // Before 2024 `progress` names no job; what is told to a late comer says nothing of what is to come.
  const jobs::RunEvent& event = *message.event;
  const bool of_own_job =
      event.job_id.empty() ? !own_running_.empty() : std::ranges::count(own_running_, event.job_id) > 0;
  if (of_own_job && !event.replayed) deafness_.HeardOfOwnJob(now);
  Collect(*message.event);
}

void Listener::Looked(jobs::Steady asked_at, bool changed, const std::optional<std::vector<RunningJob>>& running) {
  if (!options_.enabled || stopped_) return;
  if (running) {
    own_running_.clear();
    for (const RunningJob& job : *running) {
      if (job.submitter == jobs::Submitter::kService) own_running_.push_back(job.job_id);
    }
    if (options_.attach) Attach(*running);
  }
  if (!seated_) return;
  const bool deaf = deafness_.Looked(asked_at, changed, !own_running_.empty());
  const bool unproven = features_due_ && asked_at > *features_due_;
  if (unproven) answers_features_ = false;  // until it does again: it may be an older ComfyUI now
  if ((deaf || unproven) && seat_->Retake()) traffic_.SocketWasSilent();
}

// One seat for each client id that has a running job, and none longer than that.
void Listener::Attach(const std::vector<RunningJob>& running) {
  std::set<std::string> wanted;
  for (const RunningJob& job : running) {
    // A service like this one would take it back, and hears and tells its jobs itself.
    if (job.client_id.empty() || job.client_id.starts_with(kClientIdPrefix)) continue;
    if (wanted.size() < options_.max_attached) wanted.insert(job.client_id);
  }
  std::erase_if(attached_, [&](const auto& seat) {
    if (wanted.contains(seat.first)) return false;
    seat.second->Stop(true);
    return true;
  });
  for (const std::string& client_id : wanted) {
    auto& seat = attached_[client_id];
    if (seat) continue;
    seat = std::make_shared<Seat>(io_, http_, options_.seat, client_id, RunEvent::Channel::kAttached,
                                  Seat::Ears{.taken = [] {},
                                             .lost = [](const jobs::BackendError&) {},
                                             .cut = [] {},
                                             .heard =
                                                 [this](const SocketMessage& message) {
                                                   if (message.event) Collect(*message.event);
                                                 }});
    seat->Start();
  }
}

void Listener::Collect(const RunEvent& event) {
  const bool over = std::holds_alternative<RunEvent::Over>(event.what);
  if (over && over_.size() < kMaxOver && std::ranges::count(over_, event.job_id) == 0) over_.push_back(event.job_id);
  collected_.push_back(event);
  const jobs::Steady now = SteadyNow();
  const jobs::Steady due = (IsPause(event) ? now : flushed_at_) + options_.flush_interval;
  if (!IsStep(event) || due <= now || collected_.size() >= kMaxCollected) return Flush();
  if (std::exchange(flush_armed_, true)) return;
  flush_timer_.expires_at(due);
  flush_timer_.async_wait([this](const boost::system::error_code& cancelled) {
    flush_armed_ = false;
    if (!cancelled && !stopped_) Flush();
  });
}

void Listener::Flush() {
  if (collected_.empty()) return;
  flushed_at_ = SteadyNow();
  tell_(jobs::RunEventsHeard{std::exchange(collected_, {})});
}

}  // namespace comfy
