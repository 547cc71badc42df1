#include <gtest/gtest.h>

#include <future>

#include "client/scripted_service.h"
#include "jobstatus/client.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using namespace std::chrono_literals;

class WaitForCompletion : public testing::Test {
 protected:
  std::future<Result<JobStatus>> Wait(std::chrono::milliseconds timeout) {
    return std::async(std::launch::async, [this, timeout] {
      return Client::Create({.target = service_.target(), .backoff = {.initial = 1ms, .max = 10ms}})
          ->WaitForCompletion("a", timeout, "gpu");
    });
  }

  ScriptedService service_;
};

TEST_F(WaitForCompletion, ReturnsTheStatusTheJobEndsWith) {
  auto result = Wait(1min);
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().backend(), "gpu");
  stream->Send(MakeProcessing("a", 10));
  stream->Send(MakeFailed("a", 2));
  stream->Finish(grpc::Status::OK);
  const Result<JobStatus> status = result.get();
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->state(), JOB_STATE_FAILED);
}

TEST_F(WaitForCompletion, SurvivesTheServiceGoingDown) {
  auto result = Wait(1min);
  service_.NextWatch()->Send(MakeStatus("a", JOB_STATE_QUEUED, 8));
  service_.Stop();
  service_.Start();
  const auto stream = service_.NextWatch();
  stream->Send(MakeCompleted("a", 9));
  EXPECT_EQ(result.get()->state(), JOB_STATE_COMPLETED);
}

TEST_F(WaitForCompletion, TellsHowFarTheJobWasWhenTimeRanOut) {
  auto result = Wait(300ms);
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("a", 40));
  const Result<JobStatus> status = result.get();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kDeadlineExceeded);
  ASSERT_TRUE(status.error().last_status.has_value());
  EXPECT_EQ(status.error().last_status->progress().percentage(), 40);
  EXPECT_TRUE(stream->AwaitCancelled());
}

TEST_F(WaitForCompletion, RunsOutOfTimeWithoutAService) {
  service_.Stop();
  const Result<JobStatus> status = Wait(50ms).get();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kDeadlineExceeded);
  EXPECT_FALSE(status.error().last_status.has_value());
}

TEST_F(WaitForCompletion, ReportsAStreamThatEndsBeforeTheJob) {
  auto result = Wait(1min);
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("a", 40));
  stream->Finish(grpc::Status::OK);
  const Result<JobStatus> status = result.get();
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kInternal);
  EXPECT_TRUE(status.error().last_status.has_value());
}

}  // namespace
}  // namespace jobstatus
