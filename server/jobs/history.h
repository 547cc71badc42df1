#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/job.h"
#include "jobs/queue.h"

// What ComfyUI's history says of a job, and what that means.
namespace jobs {

// One entry of /history, reduced to what a status needs.
struct HistoryEntry {
  QueueNumber number;
  std::optional<Time> create_time;
  std::vector<Output> outputs;
  int outputs_left_out = 0;

  // `status_str`: "success" or "error". Absent when the entry has no status (before Jan 2024) or null in its place.
  std::optional<std::string> status_str;

  std::optional<Time> start_time;   // of execution_start; timestamps since Jul 2024
  std::optional<int> cached_nodes;  // of execution_cached

  // The last of execution_success, execution_error and execution_interrupted among the messages.
  enum class End { kSuccess, kError, kInterrupted };
  std::optional<End> end;
  std::optional<Time> end_time;
  JobError error;  // of kError and kInterrupted, as recorded; uncapped
};

// How a job in the history ended.
struct Verdict {
  JobState state = JobState::kCompleted;  // kCompleted, kFailed or kCancelled
  std::optional<JobError> error;
  bool recorded = true;
};

// Decides by the last message first: status_str says "error" of an interrupted job, and "success" of one whose error
// was raised between two nodes (seen in 0.3.57 to 0.33.0).
Verdict Judge(const HistoryEntry& entry);

inline constexpr std::size_t kMaxErrorMessageBytes = 4 * 1024;
inline constexpr std::size_t kMaxTracebackBytes = 16 * 1024;

}  // namespace jobs
