#include "comfy/observed.h"

#include <boost/asio/post.hpp>
#include <future>

using namespace std::chrono_literals;

comfy::ObserverOptions Observed::Quick() {
  comfy::ObserverOptions options;
  options.poll_interval = 1ms;
  options.idle_interval = 1ms;
  options.backoff_first = 1ms;
  options.backoff_longest = 5ms;
  options.safety_interval = 1ms;
  options.least_interval = 1ms;
  options.jobs_api_retry = 20ms;
  options.listener.client_id = kClientId;
  options.listener.flush_interval = 0ms;
  options.listener.seat.backoff_first = 1ms;
  options.listener.seat.backoff_longest = 5ms;
  options.pacing = {.share = 1.0, .burst = 60s};
  return options;
}

Observed::Observed(const std::string& url, comfy::ObserverOptions options, comfy::HttpOptions http,
                   const comfy::Remembered& remembered)
    : board({{kBackend, url}}, {.remember_unknown = jobs::Duration(0)}, 0) {
  http.address = comfy::Address::Parse(url).value();
  observer_.emplace(io_, curl_, kBackend, std::move(http), options, static_cast<jobs::ObservationSink&>(*this));
  board.Connect(kBackend, *observer_);
  if (!remembered.unfinished.empty()) {
    jobs::QueueListing listing;
    for (const auto& [job_id, number, running] : remembered.unfinished) {
      (running ? listing.running : listing.pending).push_back({.job_id = job_id, .number = number});
    }
    board.Observe(kBackend, jobs::QueueObserved{std::move(listing)}, jobs::Time());
    board.Observe(kBackend, jobs::BackendFailed(), jobs::Time());
  }
  observer_->Resume(remembered);
  observer_->Start();
  thread_ = std::thread([this] { io_.run(); });
}

Observed::~Observed() {
  Stop();
}

void Observed::Stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(io_, [this] { observer_->Stop(); });
  work_.reset();
  thread_.join();
}

void Observed::Observe(std::string_view backend, jobs::Observation observation, jobs::Time now) {
  const std::size_t kind = observation.index();
  board.Observe(backend, std::move(observation), now);
  const std::lock_guard lock(mutex_);
  ++counts_[kind];
  for (auto next = board.NextAfter({}, seen_revision_).sighted; next.snapshot;
       next = board.NextAfter({}, seen_revision_).sighted) {
    seen_revision_ = next.snapshot->revision;
    told_[next.snapshot->job_id].push_back(*next.snapshot);
    if (on_status_) on_status_(*next.snapshot);
  }
  observed_.notify_all();
}

bool Observed::Await(const std::function<bool()>& reached) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  std::unique_lock lock(mutex_);
  while (true) {
    lock.unlock();
    if (reached()) return true;
    lock.lock();
    // An observation between the look and the wait is made good by the next, or by looking again soon.
    if (observed_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + 50ms)) ==
            std::cv_status::timeout &&
        std::chrono::steady_clock::now() >= deadline) {
      return false;
    }
  }
}

board::Snapshot Observed::AwaitState(const std::string& job_id, jobs::JobState state) {
  board::Snapshot snapshot;
  const bool reached = Await([&] {
    snapshot = board.Find(job_id, "").snapshot;
    return snapshot && snapshot->state == state;
  });
  return reached ? snapshot : nullptr;
}

board::Snapshot Observed::AwaitFresh(const std::string& job_id) {
  board::Snapshot snapshot;
  const bool reached = Await([&] {
    snapshot = board.Find(job_id, "").snapshot;
    return snapshot && !snapshot->stale;
  });
  return reached ? snapshot : nullptr;
}

board::LookupResult Observed::LookUp(const std::string& job_id, jobs::Duration patience) {
  std::promise<board::LookupResult> promise;
  const auto now = std::chrono::time_point_cast<jobs::Duration>(std::chrono::steady_clock::now());
  const auto wait = board.LookUp(job_id, "", now + patience, now,
                                 [&](board::LookupResult result) { promise.set_value(std::move(result)); });
  return promise.get_future().get();
}

void Observed::Settle() {
  std::promise<void> settled;
  boost::asio::post(io_, [&] { settled.set_value(); });
  settled.get_future().wait();
}

std::vector<jobs::JobStatus> Observed::Told(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto told = told_.find(job_id);
  return told == told_.end() ? std::vector<jobs::JobStatus>() : told->second;
}

void Observed::SetOnStatus(std::function<void(const jobs::JobStatus&)> on_status) {
  const std::lock_guard lock(mutex_);
  on_status_ = std::move(on_status);
}

int Observed::Count(std::size_t kind) const {
  const std::lock_guard lock(mutex_);
  const auto count = counts_.find(kind);
  return count == counts_.end() ? 0 : count->second;
}

std::vector<jobs::JobState> States(const std::vector<jobs::JobStatus>& statuses) {
  std::vector<jobs::JobState> states;
  for (const auto& status : statuses) states.push_back(status.state);
  return states;
}
