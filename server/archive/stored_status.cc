#include "archive/stored_status.h"

#include <array>
#include <utility>

#include "archive/stored_status.pb.h"

namespace archive {
namespace {

using jobstatus::archive::StoredStatus;

// One table for both directions.
template <class Ours, class Theirs, std::size_t N>
using Names = std::array<std::pair<Ours, Theirs>, N>;

constexpr Names<jobs::JobState, int, 6> kStates{{{jobs::JobState::kQueued, 1},
                                                 {jobs::JobState::kProcessing, 2},
                                                 {jobs::JobState::kCompleted, 3},
                                                 {jobs::JobState::kFailed, 4},
                                                 {jobs::JobState::kCancelled, 5},
                                                 {jobs::JobState::kLost, 6}}};

constexpr Names<jobs::ProgressSource, StoredStatus::ProgressSource, 5> kSources{
    {{jobs::ProgressSource::kOwned, StoredStatus::PROGRESS_SOURCE_OWNED},
     {jobs::ProgressSource::kBroadcast, StoredStatus::PROGRESS_SOURCE_BROADCAST},
     {jobs::ProgressSource::kAttached, StoredStatus::PROGRESS_SOURCE_ATTACHED},
     {jobs::ProgressSource::kCompanion, StoredStatus::PROGRESS_SOURCE_COMPANION},
     {jobs::ProgressSource::kHistory, StoredStatus::PROGRESS_SOURCE_HISTORY}}};

constexpr Names<jobs::MediaType, StoredStatus::MediaType, 6> kMediaTypes{
    {{jobs::MediaType::kImage, StoredStatus::MEDIA_TYPE_IMAGE},
     {jobs::MediaType::kVideo, StoredStatus::MEDIA_TYPE_VIDEO},
     {jobs::MediaType::kAudio, StoredStatus::MEDIA_TYPE_AUDIO},
     {jobs::MediaType::kText, StoredStatus::MEDIA_TYPE_TEXT},
     {jobs::MediaType::kModel3d, StoredStatus::MEDIA_TYPE_MODEL_3D},
     {jobs::MediaType::kFile, StoredStatus::MEDIA_TYPE_FILE}}};

constexpr Names<jobs::ErrorReason, StoredStatus::ErrorReason, 5> kReasons{
    {{jobs::ErrorReason::kExecutionError, StoredStatus::ERROR_REASON_EXECUTION_ERROR},
     {jobs::ErrorReason::kInterrupted, StoredStatus::ERROR_REASON_INTERRUPTED},
     {jobs::ErrorReason::kRemovedFromQueue, StoredStatus::ERROR_REASON_REMOVED_FROM_QUEUE},
     {jobs::ErrorReason::kBackendRestarted, StoredStatus::ERROR_REASON_BACKEND_RESTARTED},
     {jobs::ErrorReason::kVanished, StoredStatus::ERROR_REASON_VANISHED}}};

template <class Ours, class Theirs, std::size_t N>
Theirs ToStored(const Names<Ours, Theirs, N>& names, Ours ours) {
  for (const auto& [a, b] : names) {
    if (a == ours) return b;
  }
  std::unreachable();
}

template <class Ours, class Theirs, std::size_t N>
std::optional<Ours> FromStored(const Names<Ours, Theirs, N>& names, Theirs theirs) {
  for (const auto& [a, b] : names) {
    if (b == theirs) return a;
  }
  return std::nullopt;
}

void Write(const jobs::Progress& progress, StoredStatus::Progress& stored) {
  stored.set_percentage(progress.percentage);
  stored.set_completed_nodes(progress.completed_nodes);
  stored.set_total_nodes(progress.total_nodes);
  stored.set_cached_nodes(progress.cached_nodes);
  stored.set_source(ToStored(kSources, progress.source));
}

bool Read(const StoredStatus::Progress& stored, jobs::Progress& progress) {
  const auto source = FromStored(kSources, stored.source());
  if (!source) return false;
  progress = {.percentage = stored.percentage(),
              .completed_nodes = stored.completed_nodes(),
              .total_nodes = stored.total_nodes(),
              .cached_nodes = stored.cached_nodes(),
              .source = *source};
  return true;
}

void Write(const jobs::Output& output, StoredStatus::Output& stored) {
  stored.set_node_id(output.node_id);
  stored.set_ui_key(output.ui_key);
  stored.set_media_type(ToStored(kMediaTypes, output.media_type));
  stored.set_filename(output.filename);
  stored.set_subfolder(output.subfolder);
  stored.set_folder_type(output.folder_type);
  stored.set_content_type(output.content_type);
  stored.set_text(output.text);
  stored.set_url(output.url);
}

bool Read(StoredStatus::Output& stored, jobs::Output& output) {
  const auto media_type = FromStored(kMediaTypes, stored.media_type());
  if (!media_type) return false;
  output = {.node_id = std::move(*stored.mutable_node_id()),
            .ui_key = std::move(*stored.mutable_ui_key()),
            .media_type = *media_type,
            .filename = std::move(*stored.mutable_filename()),
            .subfolder = std::move(*stored.mutable_subfolder()),
            .folder_type = std::move(*stored.mutable_folder_type()),
            .content_type = std::move(*stored.mutable_content_type()),
            .text = std::move(*stored.mutable_text()),
            .url = std::move(*stored.mutable_url())};
  return true;
}

void Write(const jobs::JobError& error, StoredStatus::Error& stored) {
  stored.set_reason(ToStored(kReasons, error.reason));
  stored.set_message(error.message);
  stored.set_node_id(error.node_id);
  stored.set_node_type(error.node_type);
  stored.set_exception_type(error.exception_type);
  for (const std::string& line : error.traceback) stored.add_traceback(line);
}

bool Read(const StoredStatus::Error& stored, jobs::JobError& error) {
  const auto reason = FromStored(kReasons, stored.reason());
  if (!reason) return false;
  error = {.reason = *reason,
           .message = stored.message(),
           .node_id = stored.node_id(),
           .node_type = stored.node_type(),
           .exception_type = stored.exception_type(),
           .traceback = {stored.traceback().begin(), stored.traceback().end()}};
  return true;
}

std::int64_t Micros(jobs::Time time) {
  return time.time_since_epoch().count();
}

}  // namespace

std::string Encode(const jobs::JobStatus& status) {
  StoredStatus stored;
  stored.set_number(status.number.value);
  stored.set_number_counted(status.number.counted);
  stored.set_verdict_recorded(status.verdict_recorded);
  if (status.queue) {
    stored.mutable_queue()->set_position(status.queue->position);
    stored.mutable_queue()->set_size(status.queue->size);
  }
  if (status.progress) Write(*status.progress, *stored.mutable_progress());
  for (const jobs::Output& output : status.outputs) Write(output, *stored.add_outputs());
  stored.set_outputs_left_out(status.outputs_left_out);
  if (status.error) Write(*status.error, *stored.mutable_error());
  if (status.create_time) stored.set_create_time(Micros(*status.create_time));
  if (status.start_time) stored.set_start_time(Micros(*status.start_time));
  if (status.end_time) stored.set_end_time(Micros(*status.end_time));
  return stored.SerializeAsString();
}

bool Decode(std::string_view bytes, jobs::JobStatus& status) {
  StoredStatus stored;
  if (!stored.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  status.number = {.value = stored.number(), .counted = stored.number_counted()};
  status.verdict_recorded = stored.verdict_recorded();
  if (stored.has_queue()) {
    status.queue = {.position = stored.queue().position(), .size = stored.queue().size()};
  }
  if (stored.has_progress() && !Read(stored.progress(), status.progress.emplace())) return false;
  for (StoredStatus::Output& output : *stored.mutable_outputs()) {
    if (!Read(output, status.outputs.emplace_back())) return false;
  }
  status.outputs_left_out = stored.outputs_left_out();
  if (stored.has_error() && !Read(stored.error(), status.error.emplace())) return false;
  const auto time = [](std::int64_t micros) { return jobs::Time(jobs::Duration(micros)); };
  if (stored.has_create_time()) status.create_time = time(stored.create_time());
  if (stored.has_start_time()) status.start_time = time(stored.start_time());
  if (stored.has_end_time()) status.end_time = time(stored.end_time());
  return true;
}

int StateNumber(jobs::JobState state) {
  return ToStored(kStates, state);
}

std::optional<jobs::JobState> StateOf(int number) {
  return FromStored(kStates, number);
}

}  // namespace archive
