#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"

namespace pb = comfyui::jobstatus::v1;

// One WatchStatus call. Cancelled when destroyed; nothing waits longer than the call's deadline, 30 s.
class WatchCall {
 public:
  WatchCall(pb::JobStatusService::Stub& stub, const pb::WatchStatusRequest& request,
            std::chrono::milliseconds deadline = std::chrono::seconds(30));
  ~WatchCall();

  // Returns once the service has taken the call.
  void AwaitInitialMetadata() { reader_->WaitForInitialMetadata(); }

  // The next message, heartbeats too; nothing when the stream has ended.
  std::optional<pb::WatchStatusResponse> Read();

  // The next status, heartbeats skipped; nothing when the stream has ended.
  std::optional<pb::JobStatus> ReadStatus();

  // Reads until `job_id` is in that state; nothing when the stream ended before.
  std::optional<pb::JobStatus> ReadUntil(const std::string& job_id, pb::JobState state);

  // Reads what is left and returns how the stream ended.
  grpc::Status Finish();

  void Cancel() { context_.TryCancel(); }

  // Every status read so far.
  const std::vector<pb::JobStatus>& read() const { return read_; }

  // Of the last message.
  std::uint64_t revision() const { return revision_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<pb::WatchStatusResponse>> reader_;
  std::vector<pb::JobStatus> read_;
  std::uint64_t revision_ = 0;
  bool finished_ = false;
};

pb::WatchStatusRequest WatchRequest(const std::vector<std::string>& job_ids, std::uint64_t after_revision = 0);
