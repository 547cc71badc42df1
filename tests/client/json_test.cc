#include "cli/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/make.h"

namespace jobstatus::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Json, IsOneLineInProto3sOwnForm) {
  EXPECT_EQ(ToJsonLine(MakeProcessing("j1", 40)),
            R"({"jobId":"j1","backend":"gpu","state":"JOB_STATE_PROCESSING","message":"KSampler 12/20","revision":"1",)"
            R"("progress":{"percentage":40,"currentNode":{"nodeId":"3","nodeType":"KSampler","currentStep":"12",)"
            R"("totalSteps":"20"}},"observeTime":"2023-11-14T22:13:20.250Z"})");
}

TEST(Json, KeepsUnicodeAndEscapesControlCharacters) {
  JobStatus status;
  status.set_job_id("日本\x1b[2J\n\u009b");
  const std::string line = ToJsonLine(status);
  EXPECT_THAT(line, HasSubstr("日本\\u001b[2J\\n"));
  EXPECT_THAT(line, Not(HasSubstr("\u009b")));
}

TEST(Json, OfATimeOutOfRangeIsStillJson) {
  JobStatus status;
  status.mutable_observe_time()->set_seconds(std::int64_t{1} << 60);
  EXPECT_THAT(ToJsonLine(status), HasSubstr("jsonError"));
}

}  // namespace
}  // namespace jobstatus::cli
