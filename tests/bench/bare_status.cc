#include "bench/bare_status.h"

#include <grpcpp/impl/codegen/proto_utils.h>

namespace bench {

namespace pb = comfyui::jobstatus::v1;

pb::JobStatus StatusOf(const std::string& job_id) {
  pb::JobStatus status;
  status.set_job_id(job_id);
  status.set_backend("gpu");
  status.set_state(pb::JOB_STATE_PROCESSING);
  status.set_message("KSampler 12/20");
  status.set_revision(123456);
  pb::Progress& progress = *status.mutable_progress();
  progress.set_percentage(61.5);
  progress.set_completed_nodes(4);
  progress.set_total_nodes(7);
  progress.set_source(pb::PROGRESS_SOURCE_OWNED);
  progress.mutable_current_node()->set_node_id("3");
  progress.mutable_current_node()->set_node_type("KSampler");
  progress.mutable_current_node()->set_current_step(12);
  progress.mutable_current_node()->set_total_steps(20);
  for (auto* const time : {status.mutable_create_time(), status.mutable_start_time(), status.mutable_observe_time()}) {
    time->set_seconds(1'790'000'000);
    time->set_nanos(123'456'789);
  }
  return status;
}

grpc::ByteBuffer EncodedStatus(std::uint64_t revision) {
  pb::WatchStatusResponse message;
  *message.mutable_status() = StatusOf("job-0");
  message.mutable_status()->set_revision(revision);
  message.set_revision(revision);
  grpc::ByteBuffer encoded;
  bool own = false;
  grpc::SerializationTraits<pb::WatchStatusResponse>::Serialize(message, &encoded, &own);
  return encoded;
}

}  // namespace bench
