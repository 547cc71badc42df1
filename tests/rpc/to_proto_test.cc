#include "rpc/to_proto.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/time_util.h>
#include <gtest/gtest.h>

#include "comfyui/jobstatus/v1/job_status.pb.h"

namespace rpc {
namespace {

using namespace std::chrono_literals;
using google::protobuf::util::TimeUtil;

constexpr jobs::Time kNow{1'700'000'000'000'000us};

pb::JobStatus Converted(const jobs::JobStatus& status, jobs::Time observe_time = kNow, jobs::Time now = kNow) {
  pb::JobStatus message;
  ToProto(status, observe_time, now, message);
  return message;
}

TEST(ToProto, KnowsEveryState) {
  const std::pair<jobs::JobState, pb::JobState> states[] = {
      {jobs::JobState::kQueued, pb::JOB_STATE_QUEUED},       {jobs::JobState::kProcessing, pb::JOB_STATE_PROCESSING},
      {jobs::JobState::kCompleted, pb::JOB_STATE_COMPLETED}, {jobs::JobState::kFailed, pb::JOB_STATE_FAILED},
      {jobs::JobState::kCancelled, pb::JOB_STATE_CANCELLED}, {jobs::JobState::kLost, pb::JOB_STATE_LOST}};
  ASSERT_EQ(std::size(states) + 1, static_cast<std::size_t>(pb::JobState_ARRAYSIZE));
  for (const auto& [ours, theirs] : states) {
    jobs::JobStatus status{.state = ours};
    status.error.emplace();
    EXPECT_EQ(Converted(status).state(), theirs);
  }
}

TEST(ToProto, KnowsEverySourceOfProgress) {
  const std::pair<jobs::ProgressSource, pb::ProgressSource> sources[] = {
      {jobs::ProgressSource::kOwned, pb::PROGRESS_SOURCE_OWNED},
      {jobs::ProgressSource::kBroadcast, pb::PROGRESS_SOURCE_BROADCAST},
      {jobs::ProgressSource::kAttached, pb::PROGRESS_SOURCE_ATTACHED},
      {jobs::ProgressSource::kCompanion, pb::PROGRESS_SOURCE_COMPANION},
      {jobs::ProgressSource::kHistory, pb::PROGRESS_SOURCE_HISTORY}};
  ASSERT_EQ(std::size(sources) + 1, static_cast<std::size_t>(pb::ProgressSource_ARRAYSIZE));
  for (const auto& [ours, theirs] : sources) {
    EXPECT_EQ(Converted({.progress = jobs::Progress{.source = ours}}).progress().source(), theirs);
  }
}

TEST(ToProto, KnowsEveryMediaType) {
  const std::pair<jobs::MediaType, pb::MediaType> types[] = {
      {jobs::MediaType::kImage, pb::MEDIA_TYPE_IMAGE},      {jobs::MediaType::kVideo, pb::MEDIA_TYPE_VIDEO},
      {jobs::MediaType::kAudio, pb::MEDIA_TYPE_AUDIO},      {jobs::MediaType::kText, pb::MEDIA_TYPE_TEXT},
      {jobs::MediaType::kModel3d, pb::MEDIA_TYPE_MODEL_3D}, {jobs::MediaType::kFile, pb::MEDIA_TYPE_FILE}};
  ASSERT_EQ(std::size(types) + 1, static_cast<std::size_t>(pb::MediaType_ARRAYSIZE));
  for (const auto& [ours, theirs] : types)
    EXPECT_EQ(Converted({.outputs = {{.media_type = ours}}}).outputs(0).media_type(), theirs);
}

TEST(ToProto, KnowsEveryReasonOfAnError) {
  const std::pair<jobs::ErrorReason, pb::ErrorReason> reasons[] = {
      {jobs::ErrorReason::kExecutionError, pb::ERROR_REASON_EXECUTION_ERROR},
      {jobs::ErrorReason::kInterrupted, pb::ERROR_REASON_INTERRUPTED},
      {jobs::ErrorReason::kRemovedFromQueue, pb::ERROR_REASON_REMOVED_FROM_QUEUE},
      {jobs::ErrorReason::kBackendRestarted, pb::ERROR_REASON_BACKEND_RESTARTED},
      {jobs::ErrorReason::kVanished, pb::ERROR_REASON_VANISHED}};
  ASSERT_EQ(std::size(reasons) + 1, static_cast<std::size_t>(pb::ErrorReason_ARRAYSIZE));
  for (const auto& [ours, theirs] : reasons) {
    EXPECT_EQ(Converted({.state = jobs::JobState::kLost, .error = jobs::JobError{.reason = ours}}).error().reason(),
              theirs);
  }
}

TEST(ToProto, LeavesOutWhatIsNotKnown) {
  const pb::JobStatus message =
      Converted({.job_id = "j", .backend = "gpu", .state = jobs::JobState::kProcessing, .revision = 7});
  EXPECT_EQ(message.job_id(), "j");
  EXPECT_EQ(message.backend(), "gpu");
  EXPECT_EQ(message.revision(), 7u);
  EXPECT_EQ(message.message(), "processing");
  EXPECT_EQ(message.observe_time(), TimeUtil::MicrosecondsToTimestamp(kNow.time_since_epoch().count()));
  EXPECT_FALSE(message.has_queue());
  EXPECT_FALSE(message.has_progress());
  EXPECT_FALSE(message.has_estimated_time_remaining());
  EXPECT_FALSE(message.has_estimated_time_range());
  EXPECT_FALSE(message.has_error());
  EXPECT_FALSE(message.has_create_time());
  EXPECT_FALSE(message.has_start_time());
  EXPECT_FALSE(message.has_end_time());
  EXPECT_FALSE(message.stale());
  EXPECT_EQ(message.outputs_size(), 0);
}

TEST(ToProto, CarriesEveryFieldOfAStatus) {
  jobs::JobStatus status{
      .job_id = "j", .state = jobs::JobState::kQueued, .queue = jobs::QueuePlace{.position = 3, .size = 7}};
  status.progress = jobs::Progress{.percentage = 62.5,
                                   .completed_nodes = 5,
                                   .total_nodes = 8,
                                   .cached_nodes = 2,
                                   .current_node = jobs::NodeProgress{"3", "KSampler", 12, 20}};
  status.create_time = kNow - 3s;
  status.start_time = kNow - 2s;
  status.end_time = kNow - 1500ms;
  status.stale = true;
  const pb::JobStatus message = Converted(status);
  EXPECT_EQ(message.queue().position(), 3);
  EXPECT_EQ(message.queue().size(), 7);
  EXPECT_EQ(message.progress().percentage(), 62.5);
  EXPECT_EQ(message.progress().completed_nodes(), 5);
  EXPECT_EQ(message.progress().total_nodes(), 8);
  EXPECT_EQ(message.progress().cached_nodes(), 2);
  EXPECT_EQ(message.progress().current_node().node_id(), "3");
  EXPECT_EQ(message.progress().current_node().node_type(), "KSampler");
  EXPECT_EQ(message.progress().current_node().current_step(), 12);
  EXPECT_EQ(message.progress().current_node().total_steps(), 20);
  EXPECT_EQ(TimeUtil::ToString(message.create_time()), "2023-11-14T22:13:17Z");
  EXPECT_EQ(TimeUtil::ToString(message.start_time()), "2023-11-14T22:13:18Z");
  EXPECT_EQ(TimeUtil::ToString(message.end_time()), "2023-11-14T22:13:18.500Z");
  EXPECT_TRUE(message.stale());
}

TEST(ToProto, CarriesOutputsAndErrorsWhole) {
  jobs::JobStatus status{.state = jobs::JobState::kFailed};
  status.outputs = {{"9", "images", jobs::MediaType::kImage, "a.png", "sub", "output", "image/png", "",
                     "http://gpu/view?filename=a.png"},
                    {.ui_key = "text", .media_type = jobs::MediaType::kText, .text = "ä"}};
  status.error = {jobs::ErrorReason::kExecutionError, "boom", "3", "KSampler", "RuntimeError", {"frame 1", "frame 2"}};
  const pb::JobStatus message = Converted(status);
  ASSERT_EQ(message.outputs_size(), 2);
  const pb::Output& image = message.outputs(0);
  EXPECT_EQ(image.node_id() + image.ui_key() + image.filename() + image.subfolder(), "9imagesa.pngsub");
  EXPECT_EQ(image.folder_type() + image.content_type() + image.url(), "outputimage/pnghttp://gpu/view?filename=a.png");
  EXPECT_EQ(message.outputs(1).text(), "ä");
  const pb::JobError& error = message.error();
  EXPECT_EQ(error.message() + error.node_id() + error.node_type() + error.exception_type(),
            "boom3KSamplerRuntimeError");
  EXPECT_THAT(error.traceback(), testing::ElementsAre("frame 1", "frame 2"));
  EXPECT_EQ(message.message(), "failed in KSampler: boom");
}

TEST(ToProto, TellsEstimatesAsTheTimeLeftNow) {
  const jobs::JobStatus status{
      .estimate = jobs::Estimate{.end = kNow + 90s, .earliest_end = kNow + 60s, .latest_end = kNow + 150500ms}};
  const pb::JobStatus message = Converted(status);
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(message.estimated_time_remaining()), 90'000);
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(message.estimated_time_range().low()), 60'000);
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(message.estimated_time_range().high()), 150'500);
  const pb::JobStatus later = Converted(status, kNow, kNow + 100s);
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(later.estimated_time_remaining()), 0) << "never negative";
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(later.estimated_time_range().low()), 0);
  EXPECT_EQ(TimeUtil::DurationToMilliseconds(later.estimated_time_range().high()), 50'500);
}

TEST(ToProto, LeavesOutAnEstimateThatWasOutlived) {
  const jobs::JobStatus status{.estimate = jobs::Estimate{.end = kNow, .earliest_end = kNow, .latest_end = kNow + 1s}};
  const pb::JobStatus message = Converted(status, kNow, kNow + 1001ms);
  EXPECT_FALSE(message.has_estimated_time_remaining());
  EXPECT_FALSE(message.has_estimated_time_range());
}

TEST(ToProto, ClearsWhatTheMessageHeldBefore) {
  pb::JobStatus message;
  message.mutable_error()->set_message("old");
  message.add_outputs();
  ToProto({.job_id = "j"}, kNow, kNow, message);
  EXPECT_FALSE(message.has_error());
  EXPECT_EQ(message.outputs_size(), 0);
}

TEST(ToProto, CarriesEveryFieldOfABackend) {
  pb::Backend message;
  ToProto({.name = "gpu",
           .url = "http://gpu:8188",
           .reachable = true,
           .observe_time = kNow,
           .running = 1,
           .pending = 4,
           .comfyui_version = "0.33.0"},
          message);
  EXPECT_EQ(message.name() + message.url() + message.comfyui_version(), "gpuhttp://gpu:81880.33.0");
  EXPECT_TRUE(message.reachable());
  EXPECT_EQ(message.running(), 1);
  EXPECT_EQ(message.pending(), 4);
  EXPECT_EQ(message.observe_time(), TimeUtil::MicrosecondsToTimestamp(kNow.time_since_epoch().count()));
  pb::Backend away;
  ToProto({.name = "gpu", .last_error = "refused"}, away);
  EXPECT_FALSE(away.reachable());
  EXPECT_FALSE(away.has_observe_time());
  EXPECT_EQ(away.last_error(), "refused");
}

}  // namespace
}  // namespace rpc
