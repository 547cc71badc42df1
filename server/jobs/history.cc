#include "jobs/history.h"

#include <algorithm>

#include "jobs/text.h"

namespace jobs {
namespace {

// Keeps the newest frames: Python prints the innermost last, and that is where the error was raised.
void CapTraceback(std::vector<std::string>& traceback) {
  std::size_t bytes = 0;
  auto keep_from = traceback.end();
  while (keep_from != traceback.begin()) {
    const std::size_t size = std::prev(keep_from)->size();
    if (bytes + size > kMaxTracebackBytes) break;
    bytes += size;
    --keep_from;
  }
  if (keep_from == traceback.end() && !traceback.empty()) {
    traceback.back() = CutText(traceback.back(), kMaxTracebackBytes);
    --keep_from;
  }
  traceback.erase(traceback.begin(), keep_from);
}

JobError Capped(JobError error, ErrorReason reason) {
  error.reason = reason;
  error.message = CutText(error.message, kMaxErrorMessageBytes);
  error.exception_type = CutText(error.exception_type, kMaxErrorMessageBytes);
  CapTraceback(error.traceback);
  return error;
}

JobError Failure(const HistoryEntry& entry) {
  JobError error = Capped(entry.error, ErrorReason::kExecutionError);
  if (error.message.empty()) error.message = "ComfyUI recorded an error without saying which";
  return error;
}

}  // namespace

Verdict Judge(const HistoryEntry& entry) {
  if (entry.end == HistoryEntry::End::kSuccess) return {};
  if (entry.end == HistoryEntry::End::kError) return {.state = JobState::kFailed, .error = Failure(entry)};
  if (entry.end == HistoryEntry::End::kInterrupted) {
    JobError error = Capped(entry.error, ErrorReason::kInterrupted);
    error.message = "interrupted while running";
    return {.state = JobState::kCancelled, .error = std::move(error)};
  }
  if (!entry.status_str) return {.recorded = false};
  if (*entry.status_str == "error") return {.state = JobState::kFailed, .error = Failure(entry)};
  return {};
}

}  // namespace jobs
