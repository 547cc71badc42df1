#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jobs/once_made.h"
#include "jobs/queue_number.h"
#include "jobs/time.h"

// What a job is. The field's meanings are those of the messages of the same names in job_status.proto.
namespace jobs {

// kQueued and kProcessing are told once ComfyUI's queue shows them; the others, being terminal, once ComfyUI's history
// confirms the end (or, for kLost and removal from the queue, once queue and then history no longer have the job).
enum class JobState { kQueued, kProcessing, kCompleted, kFailed, kCancelled, kLost };

constexpr bool IsTerminal(JobState state) {
  return state != JobState::kQueued && state != JobState::kProcessing;
}

struct QueuePlace {
  int position = 0;  // 1 runs next
  int size = 0;
  bool operator==(const QueuePlace&) const = default;
};

enum class ProgressSource { kOwned, kBroadcast, kAttached, kCompanion, kHistory };

struct NodeProgress {
  std::string node_id;
  std::string node_type;
  std::int64_t current_step = 0;
  std::int64_t total_steps = 0;
  bool operator==(const NodeProgress&) const = default;
};

struct Progress {
  double percentage = 0;
  int completed_nodes = 0;
  int total_nodes = 0;
  int cached_nodes = 0;
  std::optional<NodeProgress> current_node;
  ProgressSource source = ProgressSource::kHistory;
  bool operator==(const Progress&) const = default;
};

// When the job is expected to end. Instants rather than spans, so that an estimate that holds does not change as time
// passes.
struct Estimate {
  Time end;
  Time earliest_end;  // the band the truth falls into four times out of five
  Time latest_end;
  bool operator==(const Estimate&) const = default;
};

enum class MediaType { kImage, kVideo, kAudio, kText, kModel3d, kFile };

struct Output {
  std::string node_id;
  std::string ui_key;
  MediaType media_type = MediaType::kFile;
  std::string filename;
  std::string subfolder;
  std::string folder_type;
  std::string content_type;
  std::string text;
  std::string url;
  bool operator==(const Output&) const = default;
};

enum class ErrorReason { kExecutionError, kInterrupted, kRemovedFromQueue, kBackendRestarted, kVanished };

struct JobError {
  ErrorReason reason = ErrorReason::kExecutionError;
  std::string message;
  std::string node_id;
  std::string node_type;
  std::string exception_type;
  std::vector<std::string> traceback;
  bool operator==(const JobError&) const = default;
};

struct JobStatus {
  std::string job_id;
  std::string backend;
  JobState state = JobState::kQueued;
  std::uint64_t revision = 0;       // given by the board when the status is published
  QueueNumber number;               // of the run this tells of
  std::optional<QueuePlace> queue;  // exactly in kQueued
  std::optional<Progress> progress;
  std::optional<Estimate> estimate;
  std::vector<Output> outputs;
  int outputs_left_out = 0;       // over max_outputs or max_output_bytes
  std::optional<JobError> error;  // exactly in kFailed, kCancelled, kLost
  std::optional<Time> create_time;
  std::optional<Time> start_time;
  std::optional<Time> end_time;
  Time observe_time;
  bool stale = false;
  // ComfyUI of before 2024 keeps no verdict: that the job is in its history says that it ended, not how.
  bool verdict_recorded = true;
  OnceMade encoded;  // by who tells it, once for all who get it
  bool operator==(const JobStatus&) const = default;
};

}  // namespace jobs
