#include "rpc/encode.h"

#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include "comfyui/jobstatus/v1/job_status.pb.h"
#include "rpc/to_proto.h"

namespace rpc {
namespace {

using namespace std::chrono_literals;
using google::protobuf::util::MessageDifferencer;

constexpr jobs::Time kNow{1'700'000'000'000'000us};

// With something in every field that a status can have.
jobs::JobStatus Full() {
  jobs::JobStatus status{.job_id = "job", .backend = "gpu", .state = jobs::JobState::kFailed, .revision = 1ULL << 40};
  status.queue = {.position = 3, .size = 7};
  status.progress = {.percentage = 61.5, .completed_nodes = 4, .total_nodes = 7};
  status.progress->current_node = {.node_id = "3", .node_type = "KSampler", .current_step = 12, .total_steps = 20};
  status.estimate = {.end = kNow + 10s, .earliest_end = kNow + 5s, .latest_end = kNow + 20s};
  status.outputs = {{.node_id = "9", .ui_key = "images", .filename = "ü.png", .url = "http://x/view"}};
  status.error = {.message = "out of memory", .traceback = {"line 1", "line 2"}};
  status.create_time = kNow - 3s;
  status.start_time = kNow - 2s;
  status.end_time = kNow - 1s;
  status.observe_time = kNow;
  status.stale = true;
  return status;
}

template <class Message>
Message Decoded(const grpc::ByteBuffer& bytes) {
  Message message;
  EXPECT_TRUE(Decode(bytes, message));
  return message;
}

pb::JobStatus Expected(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now) {
  pb::JobStatus message;
  ToProto(status, observe_time, now, message);
  return message;
}

TEST(Encode, IsReadAsTheMessageItStandsFor) {
  const jobs::JobStatus status = Full();
  const auto got = Decoded<pb::GetStatusResponse>(EncodeGetStatusResponse(status, kNow + 1s, kNow));
  EXPECT_TRUE(MessageDifferencer::Equals(got.status(), Expected(status, kNow + 1s, kNow)));

  const auto watched = Decoded<pb::WatchStatusResponse>(EncodeWatchStatusResponse(status, kNow + 1s, kNow));
  EXPECT_TRUE(MessageDifferencer::Equals(watched.status(), Expected(status, kNow + 1s, kNow)));
  EXPECT_EQ(watched.revision(), status.revision);
}

TEST(Encode, TellsEachTimeWhatPassesWithTime) {
  const jobs::JobStatus status = Full();
  for (const auto later : {0s, 3s, 60s}) {  // the last is past the estimate
    const auto got = Decoded<pb::GetStatusResponse>(EncodeGetStatusResponse(status, kNow + later, kNow + later));
    EXPECT_TRUE(MessageDifferencer::Equals(got.status(), Expected(status, kNow + later, kNow + later)));
  }
}

TEST(Encode, AStatusThatWasCopiedAndChangedIsEncodedAnew) {
  const jobs::JobStatus status = Full();
  EncodeGetStatusResponse(status, kNow, kNow);
  jobs::JobStatus changed = status;
  changed.state = jobs::JobState::kCompleted;
  const auto got = Decoded<pb::GetStatusResponse>(EncodeGetStatusResponse(changed, kNow, kNow));
  EXPECT_EQ(got.status().state(), pb::JOB_STATE_COMPLETED);
}

TEST(Encode, AStatusOfManyOutputsIsAsItIs) {
  jobs::JobStatus status = Full();
  status.outputs.resize(5000, status.outputs.front());
  for (int i = 0; i < 2; ++i) {
    const auto got = Decoded<pb::GetStatusResponse>(EncodeGetStatusResponse(status, kNow, kNow));
    EXPECT_TRUE(MessageDifferencer::Equals(got.status(), Expected(status, kNow, kNow)));
  }
}

TEST(Encode, AHeartbeatHasItsRevisionAlone) {
  for (const std::uint64_t revision : {std::uint64_t{1}, std::uint64_t{300}, std::uint64_t{1} << 63}) {
    const auto got = Decoded<pb::WatchStatusResponse>(EncodeHeartbeat(revision));
    EXPECT_FALSE(got.has_status());
    EXPECT_EQ(got.revision(), revision);
  }
}

TEST(Decode, RefusesBytesThatAreNoMessage) {
  const grpc::Slice slice("\x0a\xff");  // a text longer than what follows
  pb::GetStatusRequest request;
  EXPECT_FALSE(Decode(grpc::ByteBuffer(&slice, 1), request));
}

TEST(Decode, ReadsAMessageOfNoBytes) {
  pb::WatchStatusRequest request;
  EXPECT_TRUE(Decode(grpc::ByteBuffer(nullptr, 0), request));
  EXPECT_EQ(request.job_ids_size(), 0);
}

}  // namespace
}  // namespace rpc
