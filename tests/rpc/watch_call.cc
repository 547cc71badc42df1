#include "rpc/watch_call.h"

#include <gtest/gtest.h>

WatchCall::WatchCall(pb::JobStatusService::Stub& stub, const pb::WatchStatusRequest& request,
                     std::chrono::milliseconds deadline) {
  context_.set_deadline(std::chrono::system_clock::now() + deadline);
  reader_ = stub.WatchStatus(&context_, request);
}

WatchCall::~WatchCall() {
  if (finished_) return;
  Cancel();
  Finish();
}

std::optional<pb::WatchStatusResponse> WatchCall::Read() {
  pb::WatchStatusResponse message;
  if (!reader_->Read(&message)) return std::nullopt;
  if (message.has_status()) {
    EXPECT_GT(message.revision(), revision_) << "revisions only grow";
    EXPECT_EQ(message.revision(), message.status().revision());
    read_.push_back(message.status());
  } else {
    EXPECT_GE(message.revision(), revision_) << "a heartbeat may repeat a revision";
  }
  revision_ = message.revision();
  return message;
}

std::optional<pb::JobStatus> WatchCall::ReadStatus() {
  while (const auto message = Read()) {
    if (message->has_status()) return message->status();
  }
  return std::nullopt;
}

std::optional<pb::JobStatus> WatchCall::ReadUntil(const std::string& job_id, pb::JobState state) {
  while (auto status = ReadStatus()) {
    if (status->job_id() == job_id && status->state() == state) return status;
  }
  return std::nullopt;
}

grpc::Status WatchCall::Finish() {
  while (Read()) {
  }
  finished_ = true;
  return reader_->Finish();
}

pb::WatchStatusRequest WatchRequest(const std::vector<std::string>& job_ids, std::uint64_t after_revision) {
  pb::WatchStatusRequest request;
  for (const std::string& id : job_ids) request.add_job_ids(id);
  request.set_after_revision(after_revision);
  return request;
}
