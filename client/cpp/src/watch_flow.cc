#include "watch_flow.h"

#include <algorithm>
#include <utility>

namespace jobstatus {

using comfyui::jobstatus::v1::WatchStatusRequest;
using comfyui::jobstatus::v1::WatchStatusResponse;
using std::chrono::milliseconds;

namespace {

// After a restart the service needs a moment to learn again of jobs it had been telling about.
constexpr milliseconds kPatienceAfterOutage{5'000};

// The service ends watches that have lived for long, so that they may come back elsewhere. One that ends so as soon as
// it began is taken for trouble, or the two would chase each other.
constexpr milliseconds kLeastAge{500};

google::protobuf::Duration ToProto(milliseconds duration) {
  google::protobuf::Duration result;
  result.set_seconds(duration.count() / 1000);
  result.set_nanos(static_cast<int>(duration.count() % 1000) * 1'000'000);
  return result;
}

// gRPC has no code of its own for a stream that broke under way: it makes up these, without details. CANCELLED that we
// did not ask for comes from a server that was shutting down when the call reached it.
bool IsBrokenStream(const Error& error) {
  if (!error.reason.empty()) return false;
  switch (error.code) {
    case Code::kCancelled:
      return true;
    case Code::kUnknown:
    case Code::kInternal:
      return error.message.find("RST_STREAM") != std::string::npos ||
             error.message.find("Stream removed") != std::string::npos ||
             error.message.find("GOAWAY") != std::string::npos;
    default:
      return false;
  }
}

bool TryingAgainHelps(const Error& error) {
  switch (error.code) {
    case Code::kUnavailable:
      return true;
    case Code::kResourceExhausted:
      // Without details: this reader was stopped for a while (WRITE_STALLED), and is back. Details would have had to
      // pass the write that was stuck.
      return error.retry_after.has_value() || error.reason == "WRITE_STALLED" || error.reason.empty();
    default:
      return IsBrokenStream(error);
  }
}

}  // namespace

WatchFlow::WatchFlow(WatchRequest request, milliseconds silence_limit, Backoff backoff, Time now)
    : request_(std::move(request)),
      silence_limit_(silence_limit),
      backoff_(std::move(backoff)),
      started_(now),
      listening_since_(now),
      attached_at_(now),
      revision_(request_.after_revision) {
  // A longer limit than a year would overflow the clock, and is none.
  if (request_.timeout && *request_.timeout < std::chrono::years(1)) deadline_ = now + *request_.timeout;
}

WatchStatusRequest WatchFlow::Attach(Time now) {
  WatchStatusRequest request;
  for (const std::string& id : request_.job_ids) {
    // A restarted service may have forgotten a job that has ended; naming it again would end the watch of the others.
    if (!ended_.contains(id)) request.add_job_ids(id);
  }
  request.set_backend(request_.backend);
  request.set_after_revision(revision_);
  if (request_.min_interval != milliseconds::zero()) *request.mutable_min_interval() = ToProto(request_.min_interval);

  milliseconds patience = request_.wait_for_job;
  if (attached_before_) {
    patience -= std::chrono::duration_cast<milliseconds>(now - started_);
    patience = std::max(patience, kPatienceAfterOutage);
  }
  if (patience != milliseconds::zero() && !request_.job_ids.empty())
    *request.mutable_wait_for_job() = ToProto(patience);
  attached_before_ = true;
  attached_at_ = now;
  Listen(now);
  return request;
}

bool WatchFlow::OnMessage(const WatchStatusResponse& message) {
  revision_ = std::max(revision_, message.revision());
  if (message.has_status()) {
    const JobStatus& status = message.status();
    last_status_ = status;
    if (IsTerminal(status.state())) {
      ended_.insert(status.job_id());
    } else {
      ended_.erase(status.job_id());  // a lost job may be seen again
    }
    if (request_.job_ids.empty()) ended_.clear();  // nobody asks, and it would grow for ever
  }
  heard_ = true;
  backoff_.Reset();
  return std::exchange(failed_attempts_, 0) > 0;
}

WatchFlow::Time WatchFlow::ListenUntil() const {
  const Time silence = listening_since_ + silence_limit_;
  return deadline_ ? std::min(silence, *deadline_) : silence;
}

Decision WatchFlow::OnSilence(Time now) {
  if (OutOfTime(now)) return TimeIsUp();
  return OnEnd(Error{.code = Code::kUnavailable, .message = "the service went silent"}, now);
}

Decision WatchFlow::OnEnd(std::optional<Error> error, Time now) {
  if (!error || AllNamedJobsEnded()) return Finished{};
  if (OutOfTime(now)) return TimeIsUp();
  if (error->reason == "CONNECTION_AGE" && now - attached_at_ >= kLeastAge) {
    heard_ = true;
    return Reattach{.wait = error->retry_after.value_or(milliseconds(0)), .attempt = 0, .why = std::move(*error)};
  }
  if (!TryingAgainHelps(*error) || (request_.fail_fast && !heard_)) return GiveUp(std::move(*error));
  milliseconds wait = backoff_.Next(error->retry_after);
  if (deadline_) wait = std::min(wait, std::chrono::ceil<milliseconds>(*deadline_ - now));
  return Reattach{.wait = wait, .attempt = ++failed_attempts_, .why = std::move(*error)};
}

std::optional<Finished> WatchFlow::AfterWait(Time now) const {
  if (OutOfTime(now)) return TimeIsUp();
  return std::nullopt;
}

bool WatchFlow::AllNamedJobsEnded() const {
  return !request_.job_ids.empty() &&
         std::ranges::all_of(request_.job_ids, [this](const std::string& id) { return ended_.contains(id); });
}

Finished WatchFlow::GiveUp(Error error) const {
  error.last_status = last_status_;
  return Finished{std::unexpected(std::move(error))};
}

Finished WatchFlow::Cancelled() const {
  return GiveUp(Error{.code = Code::kCancelled, .message = "the watch was cancelled"});
}

Finished WatchFlow::TimeIsUp() const {
  return GiveUp(Error{.code = Code::kDeadlineExceeded, .message = "not finished within the time given"});
}

}  // namespace jobstatus
