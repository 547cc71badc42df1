#pragma once

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "comfy/answers.h"
#include "comfy/continuity.h"
#include "comfy/http_client.h"
#include "comfy/pacer.h"
#include "comfy/traffic.h"
#include "jobs/backend_error.h"

namespace comfy {

// The questions one ComfyUI server can be asked, of whatever version it is; and what asking has told about the server
// besides: what its answers cost it, and whether it has been there all the time. One question at a time; lives on the
// event loop's thread.
class Api {
 public:
  template <class T>
  using Answer = boost::asio::awaitable<std::expected<T, jobs::BackendError>>;

  Api(boost::asio::io_context& io, CurlLoop& loop, HttpOptions http, Pacer::Options pacing,
      jobs::Duration jobs_api_retry, Traffic& traffic);

  // The version it calls itself; empty when it does not say. What was found out about its features is forgotten: it may
  // be another server.
  Answer<std::string> Version();

  // The queue, from /api/jobs where that is to be had and tells enough, else from /queue. Only /queue has workflows,
  // and with big ones it is a thousand times as dear: for the sake of a wanted one it is asked when it can be afforded.
  Answer<QueueAnswer> Queue(const Wanted& wanted);

  // Jobs waiting and running together: 39 bytes, about 1 ms, always.
  Answer<int> QueueRemaining();

  // The job's entry; nothing when the history does not have it.
  Answer<std::optional<jobs::HistoryEntry>> History(const std::string& job_id);

  // Ends the question under way with an error, and every later one at once.
  void Close() { http_.Close(); }

  const HttpOptions& http() const { return http_.options(); }
  const Pacer& pacer() const { return pacer_; }
  const Continuity& continuity() const { return continuity_; }
  Continuity& continuity() { return continuity_; }  // for what is known of it from elsewhere
  jobs::Duration spent() const { return spent_; }   // of the server's time, in all

 private:
  jobs::BackendError HttpError(std::string_view path, int status);
  jobs::BackendError BadResponse(std::string_view path, const BadAnswer& answer);
  Answer<HttpAnswer> Ask(std::string path);
  Answer<std::optional<QueueAnswer>> JobsApi();  // nothing: not to be had now
  Answer<QueueAnswer> FullQueue(const Wanted& wanted);
  Answer<std::optional<QueueAnswer>> WithWorkflows(const jobs::QueueListing& listing, const Wanted& wanted);
  Continuity::Mark Seen(const jobs::QueueListing& listing);
  bool Affordable(std::size_t queue_size) const;

  Traffic& traffic_;
  HttpClient http_;
  AnswerReader reader_;
  Body body_;
  Pacer pacer_;
  Continuity continuity_;
  std::uint64_t suspicions_meanwhile_ = 0;  // while the last answer was waited for
  jobs::Duration spent_{0};
  const jobs::Duration jobs_api_retry_;
  bool has_jobs_api_ = true;  // until it says otherwise
  jobs::Steady jobs_api_retry_at_{};
  // What a job costs in an answer of /queue. With 1 MB workflows 25 ms were measured, with small ones 0.03 ms.
  jobs::Duration queue_cost_per_job_ = std::chrono::milliseconds(5);
};

// An error of one answer, after which the next question may well be answered.
bool ConcernsOneAnswer(const jobs::BackendError& error);

}  // namespace comfy
