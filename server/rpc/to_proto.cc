#include "rpc/to_proto.h"

#include <algorithm>

#include "comfyui/jobstatus/v1/job_status.pb.h"
#include "jobs/describe.h"

namespace rpc {
namespace {

// Exhaustive switches without a default: the compiler reports a value that was forgotten.

pb::JobState ToProto(jobs::JobState state) {
  switch (state) {
    case jobs::JobState::kQueued:
      return pb::JOB_STATE_QUEUED;
    case jobs::JobState::kProcessing:
      return pb::JOB_STATE_PROCESSING;
    case jobs::JobState::kCompleted:
      return pb::JOB_STATE_COMPLETED;
    case jobs::JobState::kFailed:
      return pb::JOB_STATE_FAILED;
    case jobs::JobState::kCancelled:
      return pb::JOB_STATE_CANCELLED;
    case jobs::JobState::kLost:
      return pb::JOB_STATE_LOST;
  }
  return pb::JOB_STATE_UNSPECIFIED;
}

pb::ProgressSource ToProto(jobs::ProgressSource source) {
  switch (source) {
    case jobs::ProgressSource::kOwned:
      return pb::PROGRESS_SOURCE_OWNED;
    case jobs::ProgressSource::kBroadcast:
      return pb::PROGRESS_SOURCE_BROADCAST;
    case jobs::ProgressSource::kAttached:
      return pb::PROGRESS_SOURCE_ATTACHED;
    case jobs::ProgressSource::kCompanion:
      return pb::PROGRESS_SOURCE_COMPANION;
    case jobs::ProgressSource::kHistory:
      return pb::PROGRESS_SOURCE_HISTORY;
  }
  return pb::PROGRESS_SOURCE_UNSPECIFIED;
}

pb::MediaType ToProto(jobs::MediaType type) {
  switch (type) {
    case jobs::MediaType::kImage:
      return pb::MEDIA_TYPE_IMAGE;
    case jobs::MediaType::kVideo:
      return pb::MEDIA_TYPE_VIDEO;
    case jobs::MediaType::kAudio:
      return pb::MEDIA_TYPE_AUDIO;
    case jobs::MediaType::kText:
      return pb::MEDIA_TYPE_TEXT;
    case jobs::MediaType::kModel3d:
      return pb::MEDIA_TYPE_MODEL_3D;
    case jobs::MediaType::kFile:
      return pb::MEDIA_TYPE_FILE;
  }
  return pb::MEDIA_TYPE_UNSPECIFIED;
}

pb::ErrorReason ToProto(jobs::ErrorReason reason) {
  switch (reason) {
    case jobs::ErrorReason::kExecutionError:
      return pb::ERROR_REASON_EXECUTION_ERROR;
    case jobs::ErrorReason::kInterrupted:
      return pb::ERROR_REASON_INTERRUPTED;
    case jobs::ErrorReason::kRemovedFromQueue:
      return pb::ERROR_REASON_REMOVED_FROM_QUEUE;
    case jobs::ErrorReason::kBackendRestarted:
      return pb::ERROR_REASON_BACKEND_RESTARTED;
    case jobs::ErrorReason::kVanished:
      return pb::ERROR_REASON_VANISHED;
  }
  return pb::ERROR_REASON_UNSPECIFIED;
}

// Timestamp and Duration alike: whole seconds rounded down, the rest in nanoseconds.
template <class Message>
void SetSpan(jobs::Duration span, Message& message) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(span);
  message.set_seconds(seconds.count());
  message.set_nanos(static_cast<std::int32_t>(std::chrono::nanoseconds(span - seconds).count()));
}

void SetEstimate(const jobs::Estimate& estimate, jobs::Time now, pb::JobStatus& message) {
  if (estimate.latest_end < now) return;  // outlived: no longer evidence of anything
  const auto left = [now](jobs::Time end) { return std::max(end - now, jobs::Duration(0)); };
  SetSpan(left(estimate.end), *message.mutable_estimated_time_remaining());
  SetSpan(left(estimate.earliest_end), *message.mutable_estimated_time_range()->mutable_low());
  SetSpan(left(estimate.latest_end), *message.mutable_estimated_time_range()->mutable_high());
}

void SetProgress(const jobs::Progress& progress, pb::Progress& message) {
  message.set_percentage(progress.percentage);
  message.set_completed_nodes(progress.completed_nodes);
  message.set_total_nodes(progress.total_nodes);
  message.set_cached_nodes(progress.cached_nodes);
  message.set_source(ToProto(progress.source));
  if (!progress.current_node) return;
  message.mutable_current_node()->set_node_id(progress.current_node->node_id);
  message.mutable_current_node()->set_node_type(progress.current_node->node_type);
  message.mutable_current_node()->set_current_step(progress.current_node->current_step);
  message.mutable_current_node()->set_total_steps(progress.current_node->total_steps);
}

void SetOutput(const jobs::Output& output, pb::Output& message) {
  message.set_node_id(output.node_id);
  message.set_ui_key(output.ui_key);
  message.set_media_type(ToProto(output.media_type));
  message.set_filename(output.filename);
  message.set_subfolder(output.subfolder);
  message.set_folder_type(output.folder_type);
  message.set_content_type(output.content_type);
  message.set_text(output.text);
  message.set_url(output.url);
}

void SetError(const jobs::JobError& error, pb::JobError& message) {
  message.set_reason(ToProto(error.reason));
  message.set_message(error.message);
  message.set_node_id(error.node_id);
  message.set_node_type(error.node_type);
  message.set_exception_type(error.exception_type);
  for (const std::string& frame : error.traceback) message.add_traceback(frame);
}

}  // namespace

void ToProto(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now, pb::JobStatus& message) {
  message.Clear();
  LastingToProto(status, message);
  PassingToProto(status, observe_time, now, message);
}

void LastingToProto(const jobs::JobStatus& status, pb::JobStatus& message) {
  message.set_job_id(status.job_id);
  message.set_backend(status.backend);
  message.set_state(ToProto(status.state));
  message.set_message(jobs::Describe(status));
  message.set_revision(status.revision);
  if (status.queue) {
    message.mutable_queue()->set_position(status.queue->position);
    message.mutable_queue()->set_size(status.queue->size);
  }
  if (status.progress) SetProgress(*status.progress, *message.mutable_progress());
  for (const jobs::Output& output : status.outputs) SetOutput(output, *message.add_outputs());
  if (status.error) SetError(*status.error, *message.mutable_error());
  if (status.create_time) SetSpan(status.create_time->time_since_epoch(), *message.mutable_create_time());
  if (status.start_time) SetSpan(status.start_time->time_since_epoch(), *message.mutable_start_time());
  if (status.end_time) SetSpan(status.end_time->time_since_epoch(), *message.mutable_end_time());
  message.set_stale(status.stale);
}

void PassingToProto(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now, pb::JobStatus& message) {
  if (status.estimate) SetEstimate(*status.estimate, now, message);
  SetSpan(observe_time.time_since_epoch(), *message.mutable_observe_time());
}

void ToProto(const board::BackendState& backend, pb::Backend& message) {
  message.set_name(backend.name);
  message.set_url(backend.url);
  message.set_reachable(backend.reachable);
  message.set_last_error(backend.last_error);
  if (backend.observe_time) SetSpan(backend.observe_time->time_since_epoch(), *message.mutable_observe_time());
  message.set_running(backend.running);
  message.set_pending(backend.pending);
  message.set_comfyui_version(backend.comfyui_version);
  message.set_live_progress(backend.live_progress);
  message.set_client_id(backend.client_id);
}

}  // namespace rpc
