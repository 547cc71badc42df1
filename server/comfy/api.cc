#include "comfy/api.h"

#include <algorithm>

#include "comfy/clock.h"

namespace comfy {

using jobs::BackendError;

namespace {

constexpr std::string_view kQueue = "/queue";
constexpr std::string_view kJobsAsQueue = "/api/jobs?status=pending,in_progress";
constexpr std::string_view kPrompt = "/prompt";

}  // namespace

Api::Api(boost::asio::io_context& io, CurlLoop& loop, HttpOptions http, Pacer::Options pacing,
         jobs::Duration jobs_api_retry, Traffic& traffic)
    : traffic_(traffic),
      http_(io, loop, std::move(http)),
      pacer_(pacing, SteadyNow()),
      jobs_api_retry_(jobs_api_retry) {}

BackendError Api::HttpError(std::string_view path, int status) {
  traffic_.Unusable(BackendError::Kind::kHttpError);
  return {.kind = BackendError::Kind::kHttpError,
          .http_status = status,
          .detail = "GET " + std::string(path) + " answered with HTTP status " + std::to_string(status)};
}

BackendError Api::BadResponse(std::string_view path, const BadAnswer& answer) {
  traffic_.Unusable(BackendError::Kind::kBadResponse);
  return {.kind = BackendError::Kind::kBadResponse,
          .detail = "the answer to GET " + std::string(path) + " is " + answer.why};
}

Api::Answer<HttpAnswer> Api::Ask(std::string path) {
  const std::uint64_t suspicions = continuity_.mark().suspicions;
  auto answer = co_await http_.Get(std::move(path), body_);
  suspicions_meanwhile_ = continuity_.mark().suspicions - suspicions;
  const jobs::Steady now = SteadyNow();
  if (answer) {
    answer->server_time = Pacer::PlausibleCost(answer->server_time, body_.size());
    continuity_.Answered(answer->new_connection, answer->status, now);
    const jobs::Duration charged = pacer_.Pay(answer->server_time, now);
    spent_ += charged;
    traffic_.Answered(answer->wire_bytes, answer->to_first_byte, answer->whole);
    traffic_.Charged(charged);
  } else {
    traffic_.NotAnswered(answer.error().kind);
    continuity_.Failed(answer.error().kind);
  }
  co_return answer;
}

Api::Answer<std::string> Api::Version() {
  const auto answer = co_await Ask("/system_stats");
  if (!answer && !ConcernsOneAnswer(answer.error())) co_return std::unexpected(answer.error());
  has_jobs_api_ = true;
  jobs_api_retry_at_ = {};
  if (!answer || answer->status != 200) co_return std::string();
  co_return reader_.ComfyuiVersion(body_).value_or("");
}

Api::Answer<QueueAnswer> Api::Queue(const Wanted& wanted) {
  if (has_jobs_api_ && SteadyNow() >= jobs_api_retry_at_) {
    auto listing = co_await JobsApi();
    if (!listing) co_return std::unexpected(listing.error());
    if (*listing) {
      auto queue = co_await WithWorkflows((*listing)->listing, wanted);
      if (!queue) co_return std::unexpected(queue.error());
      if (*queue) co_return std::move(**queue);
      co_return std::move(**listing);
    }
  }
  co_return co_await FullQueue(wanted);
}

Api::Answer<QueueAnswer> Api::FullQueue(const Wanted& wanted) {
  const auto answer = co_await Ask(std::string(kQueue));
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != 200) co_return std::unexpected(HttpError(kQueue, answer->status));
  auto queue = reader_.Queue(body_, wanted);
  if (!queue) co_return std::unexpected(BadResponse(kQueue, queue.error()));
  const std::size_t size = queue->listing.running.size() + queue->listing.pending.size();
  if (size > 0) queue_cost_per_job_ = answer->server_time / static_cast<jobs::Duration::rep>(size);
  queue->seen = Seen(queue->listing);
  co_return std::move(*queue);
}

// The answer just taken in may have been made before what was suspected while it was waited for.
Continuity::Mark Api::Seen(const jobs::QueueListing& listing) {
  continuity_.Listed(listing);
  Continuity::Mark seen = continuity_.mark();
  seen.suspicions -= suspicions_meanwhile_;
  return seen;
}

Api::Answer<std::optional<QueueAnswer>> Api::WithWorkflows(const jobs::QueueListing& listing, const Wanted& wanted) {
  const auto is_wanted = [&](const jobs::QueueItem& item) { return wanted.workflow(item.job_id, item.number); };
  const bool any = wanted.workflow &&
                   (std::ranges::any_of(listing.running, is_wanted) || std::ranges::any_of(listing.pending, is_wanted));
  if (!any || !Affordable(listing.running.size() + listing.pending.size())) co_return std::nullopt;
  auto queue = co_await FullQueue(wanted);
  if (queue) co_return std::move(*queue);
  if (!ConcernsOneAnswer(queue.error())) co_return std::unexpected(queue.error());
  co_return std::nullopt;
}

bool Api::Affordable(std::size_t queue_size) const {
  const jobs::Duration cost = queue_cost_per_job_ * static_cast<jobs::Duration::rep>(queue_size);
  return cost <= pacer_.budget(SteadyNow());
}

// /api/jobs (since 0.6.0) tells the same in a thousandth of the bytes where workflows are big, so it is asked wherever
// it is. It answers 500 while one job of the server has an odd extra_data, up to 0.38 at least; then /queue is asked.
Api::Answer<std::optional<QueueAnswer>> Api::JobsApi() {
  const auto answer = co_await Ask(std::string(kJobsAsQueue));
  if (!answer && !ConcernsOneAnswer(answer.error())) co_return std::unexpected(answer.error());
  if (answer && answer->status == 200) {
    if (auto listing = reader_.JobsAsQueue(body_)) {
      const Continuity::Mark seen = Seen(*listing);
      co_return QueueAnswer{.listing = std::move(*listing), .client_ids = {}, .seen = seen};
    }
  }
  if (answer && (answer->status == 404 || answer->status == 405)) has_jobs_api_ = false;
  jobs_api_retry_at_ = SteadyNow() + jobs_api_retry_;
  co_return std::nullopt;
}

Api::Answer<int> Api::QueueRemaining() {
  const auto answer = co_await Ask(std::string(kPrompt));
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != 200) co_return std::unexpected(HttpError(kPrompt, answer->status));
  const auto remaining = reader_.QueueRemaining(body_);
  if (!remaining) co_return std::unexpected(BadResponse(kPrompt, remaining.error()));
  co_return *remaining;
}

Api::Answer<std::optional<jobs::HistoryEntry>> Api::History(const std::string& job_id) {
  const auto answer = co_await Ask("/history/" + PercentEncode(job_id));
  if (!answer) co_return std::unexpected(answer.error());
  if (answer->status != 200) co_return std::unexpected(HttpError("/history/{id}", answer->status));
  auto entry = reader_.History(body_, job_id, http_.options().address);
  if (!entry) co_return std::unexpected(BadResponse("/history/{id}", entry.error()));
  co_return std::move(*entry);
}

bool ConcernsOneAnswer(const BackendError& error) {
  return error.kind == BackendError::Kind::kHttpError || error.kind == BackendError::Kind::kBadResponse;
}

}  // namespace comfy
