#include "comfy/continuity.h"

#include <utility>

#include "jobs/job_id.h"

namespace comfy {

void Continuity::Answered(bool new_connection, int http_status, jobs::Steady now) {
  if (!new_connection) {
    keeps_connections_ = true;
  } else if (answered_) {
    const jobs::Duration quiet = now - *answered_;
    const bool dropped = keeps_connections_ && !may_close_ && quiet < kKeepAlive;
    if (dropped) ++mark_.restarts;
    if (quiet > kCloseAnswers) ++mark_.suspicions;
  }
  // What a proxy says of a ComfyUI that it does not reach; ComfyUI itself has none of these.
  const bool unreachable = http_status == 502 || http_status == 503;
  if (unreachable) ++mark_.restarts;
  if (unreachable || http_status == 504) ++mark_.unanswered;
  may_close_ = http_status >= 500;  // aiohttp closes after an unhandled exception
  answered_ = now;
}

void Continuity::Failed(jobs::BackendError::Kind kind) {
  ++mark_.unanswered;
  if (kind == jobs::BackendError::Kind::kUnreachable) ++mark_.restarts;
  if (kind != jobs::BackendError::Kind::kHttpError) may_close_ = true;  // libcurl gave the connection up
}

// A number is given once. So one that another job had is proof of a new count, and one far below the greatest is as
// good. One a little below may be of a job that was overtaken. Only what was known before this listing counts: it is in
// no order.
void Continuity::Listed(const jobs::QueueListing& listing) {
  std::map<jobs::QueueNumber, std::string> listed;
  bool counts_again = false;
  bool may_count_again = false;
  for (const auto* items : {&listing.running, &listing.pending}) {
    for (const jobs::QueueItem& item : *items) {
      if (!item.number.counted || !jobs::IsUsableJobId(item.job_id)) continue;
      listed.emplace(item.number, item.job_id);
      if (numbered_.empty() || item.number > numbered_.rbegin()->first) continue;
      const auto known = numbered_.find(item.number);
      if (known == numbered_.end()) {
        const bool overtaken = numbered_.rbegin()->first.value - item.number.value <= kOvertaken;
        (overtaken ? may_count_again : counts_again) = true;
      } else if (known->second != item.job_id) {
        counts_again = true;
      }
    }
  }
  if (counts_again) {
    ++mark_.restarts;
    numbered_ = std::move(listed);
    return;
  }
  if (may_count_again) ++mark_.suspicions;
  for (auto& [number, job_id] : listed) Numbered(job_id, number);
  if (numbered_.empty()) return;
  const double recent = numbered_.rbegin()->first.value - kOvertaken;
  std::erase_if(numbered_,
                [&](const auto& known) { return known.first.value < recent && !listed.contains(known.first); });
}

void Continuity::Numbered(const std::string& job_id, jobs::QueueNumber number) {
  if (number.counted) numbered_.emplace(number, job_id);
}

}  // namespace comfy
