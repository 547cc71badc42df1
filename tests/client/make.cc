#include "client/make.h"

#include <google/protobuf/util/time_util.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace jobstatus {

using namespace comfyui::jobstatus::v1;
using google::protobuf::util::TimeUtil;

JobStatus MakeStatus(const std::string& job_id, JobState state, std::uint64_t revision) {
  JobStatus status;
  status.set_job_id(job_id);
  status.set_backend("gpu");
  status.set_state(state);
  status.set_revision(revision);
  *status.mutable_observe_time() = TimeUtil::MillisecondsToTimestamp(1'700'000'000'250);
  return status;
}

JobStatus MakeQueued(const std::string& job_id, int position, int size) {
  JobStatus status = MakeStatus(job_id, JOB_STATE_QUEUED);
  status.mutable_queue()->set_position(position);
  status.mutable_queue()->set_size(size);
  status.set_message("queued, " + std::to_string(position) + " of " + std::to_string(size));
  return status;
}

JobStatus MakeProcessing(const std::string& job_id, double percentage) {
  JobStatus status = MakeStatus(job_id, JOB_STATE_PROCESSING);
  status.set_message("KSampler 12/20");
  Progress& progress = *status.mutable_progress();
  progress.set_percentage(percentage);
  progress.mutable_current_node()->set_node_id("3");
  progress.mutable_current_node()->set_node_type("KSampler");
  progress.mutable_current_node()->set_current_step(12);
  progress.mutable_current_node()->set_total_steps(20);
  return status;
}

JobStatus MakeCompleted(const std::string& job_id, std::uint64_t revision) {
  JobStatus status = MakeStatus(job_id, JOB_STATE_COMPLETED, revision);
  status.set_message("completed");
  Output& output = *status.add_outputs();
  output.set_node_id("9");
  output.set_ui_key("images");
  output.set_media_type(MEDIA_TYPE_IMAGE);
  output.set_filename("ComfyUI_00001_.png");
  output.set_folder_type("output");
  output.set_url("http://gpu:8188/view?filename=ComfyUI_00001_.png&type=output");
  return status;
}

JobStatus MakeFailed(const std::string& job_id, std::uint64_t revision) {
  JobStatus status = MakeStatus(job_id, JOB_STATE_FAILED, revision);
  status.set_message("failed in VAEDecode: out of memory");
  JobError& error = *status.mutable_error();
  error.set_reason(ERROR_REASON_EXECUTION_ERROR);
  error.set_message("out of memory\nTried to allocate 2 GiB\n");
  error.set_node_id("8");
  error.set_node_type("VAEDecode");
  error.set_exception_type("torch.cuda.OutOfMemoryError");
  for (int i = 1; i <= 5; ++i) {
    error.add_traceback("  File \"nodes.py\", line " + std::to_string(i) + ", in frame" + std::to_string(i) +
                        "\n    call()\n");
  }
  return status;
}

WatchStatusResponse MakeMessage(const JobStatus& status) {
  WatchStatusResponse message;
  *message.mutable_status() = status;
  message.set_revision(status.revision());
  return message;
}

WatchStatusResponse MakeHeartbeat(std::uint64_t revision) {
  WatchStatusResponse message;
  message.set_revision(revision);
  return message;
}

grpc::Status MakeFailure(grpc::StatusCode code, const std::string& message, const std::string& reason,
                         const std::map<std::string, std::string>& metadata,
                         std::optional<std::chrono::milliseconds> retry_after) {
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(message);
  google::rpc::ErrorInfo info;
  info.set_domain("jobstatus.comfyui");
  info.set_reason(reason);
  for (const auto& [key, value] : metadata) (*info.mutable_metadata())[key] = value;
  details.add_details()->PackFrom(info);
  if (retry_after) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = TimeUtil::MillisecondsToDuration(retry_after->count());
    details.add_details()->PackFrom(retry);
  }
  return {code, message, details.SerializeAsString()};
}

}  // namespace jobstatus
