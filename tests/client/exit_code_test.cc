#include "cli/exit_code.h"

#include <gtest/gtest.h>

namespace jobstatus::cli {
namespace {

using namespace comfyui::jobstatus::v1;

TEST(ExitCode, FollowsTheJobsState) {
  EXPECT_EQ(ExitCodeOf(JOB_STATE_QUEUED), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(JOB_STATE_PROCESSING), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(JOB_STATE_COMPLETED), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(JOB_STATE_FAILED), ExitCode::kFailed);
  EXPECT_EQ(ExitCodeOf(JOB_STATE_CANCELLED), ExitCode::kCancelled);
  EXPECT_EQ(ExitCodeOf(JOB_STATE_LOST), ExitCode::kCancelled);
}

TEST(ExitCode, FollowsTheErrorsCode) {
  const auto of = [](Code code) { return ExitCodeOf(Error{.code = code}); };
  EXPECT_EQ(of(Code::kInvalidArgument), ExitCode::kUsage);
  EXPECT_EQ(of(Code::kNotFound), ExitCode::kNotFound);
  EXPECT_EQ(of(Code::kUnavailable), ExitCode::kUnavailable);
  EXPECT_EQ(of(Code::kDeadlineExceeded), ExitCode::kTimeout);
  EXPECT_EQ(of(Code::kUnauthenticated), ExitCode::kOther);
  EXPECT_EQ(of(Code::kInternal), ExitCode::kOther);
}

TEST(ExitCode, FollowsWhatHealthSays) {
  EXPECT_EQ(ExitCodeOf(Serving::kServing), ExitCode::kOk);
  EXPECT_EQ(ExitCodeOf(Serving::kNotServing), ExitCode::kUnavailable);
  EXPECT_EQ(ExitCodeOf(Serving::kServiceUnknown), ExitCode::kNotFound);
  EXPECT_EQ(ExitCodeOf(Serving::kUnknown), ExitCode::kOther);
}

TEST(ExitCode, OfSeveralJobsIsTheWorst) {
  const ExitCode from_bad[] = {ExitCode::kUsage,    ExitCode::kOther,  ExitCode::kUnavailable, ExitCode::kTimeout,
                               ExitCode::kNotFound, ExitCode::kFailed, ExitCode::kCancelled,   ExitCode::kOk};
  for (std::size_t i = 0; i < std::size(from_bad); ++i) {
    for (std::size_t j = i; j < std::size(from_bad); ++j) {
      EXPECT_EQ(Worse(from_bad[i], from_bad[j]), from_bad[i]);
      EXPECT_EQ(Worse(from_bad[j], from_bad[i]), from_bad[i]);
    }
  }
}

}  // namespace
}  // namespace jobstatus::cli
