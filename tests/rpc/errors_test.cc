#include "rpc/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rpc/error_details.h"

namespace rpc {
namespace {

using Kind = jobs::BackendError::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;

TEST(Errors, AreOfTheServicesDomain) {
  for (const grpc::Status& status :
       {InvalidArgument("job_id", "must not be empty"), JobNotFound("j", ""), BackendNotFound("b"), TooManyWatches(3),
        TooManyWatchesOfPeer(3), TooManyLookups("j", std::chrono::seconds(1)), ShuttingDown(), WriteStalled(),
        ConnectionOld(), NotAsked({"gpu", {.detail = "refused"}}, "j")}) {
    EXPECT_EQ(DetailsOf(status).domain, "jobstatus.comfyui") << CodeAndReason(status);
  }
}

TEST(Errors, OfAnUnknownJobNameTheJobAndTheBackendAskedFor) {
  EXPECT_EQ(CodeAndReason(JobNotFound("j", "gpu")), "NOT_FOUND JOB_NOT_FOUND");
  EXPECT_THAT(DetailsOf(JobNotFound("j", "gpu")).metadata, ElementsAre(Pair("backend", "gpu"), Pair("job_id", "j")));
  EXPECT_THAT(DetailsOf(JobNotFound("j", "")).metadata, ElementsAre(Pair("job_id", "j")));
  EXPECT_FALSE(DetailsOf(JobNotFound("j", "")).retry_after_seconds);
}

TEST(Errors, OfAnUnknownBackendNameIt) {
  EXPECT_EQ(CodeAndReason(BackendNotFound("gpu9")), "NOT_FOUND BACKEND_NOT_FOUND");
  EXPECT_THAT(DetailsOf(BackendNotFound("gpu9")).metadata, ElementsAre(Pair("backend", "gpu9")));
  EXPECT_FALSE(DetailsOf(BackendNotFound("gpu9")).retry_after_seconds);
}

TEST(Errors, OfABadArgumentNameTheFieldAndSayWhatIsWrong) {
  const grpc::Status status = InvalidArgument("min_interval", "must not be negative");
  EXPECT_EQ(CodeAndReason(status), "INVALID_ARGUMENT INVALID_ARGUMENT");
  EXPECT_EQ(status.error_message(), "min_interval must not be negative");
  EXPECT_THAT(DetailsOf(status).bad_fields, ElementsAre(Pair("min_interval", "must not be negative")));
}

TEST(Errors, ThatPassSayWhenToTryAgain) {
  EXPECT_EQ(CodeAndReason(TooManyWatches(7)), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
  EXPECT_THAT(TooManyWatches(7).error_message(), HasSubstr("7"));
  EXPECT_EQ(CodeAndReason(ShuttingDown()), "UNAVAILABLE SHUTTING_DOWN");
  EXPECT_EQ(CodeAndReason(WriteStalled()), "RESOURCE_EXHAUSTED WRITE_STALLED");
  EXPECT_EQ(CodeAndReason(TooManyWatchesOfPeer(7)), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
  EXPECT_EQ(CodeAndReason(ConnectionOld()), "UNAVAILABLE CONNECTION_AGE");
  for (const auto& status :
       {TooManyWatches(7), TooManyWatchesOfPeer(7), ShuttingDown(), WriteStalled(), ConnectionOld()}) {
    EXPECT_GT(DetailsOf(status).retry_after_seconds.value_or(0), 0) << CodeAndReason(status);
  }
  const grpc::Status lookups = TooManyLookups("j", std::chrono::milliseconds(1250));
  EXPECT_EQ(CodeAndReason(lookups), "RESOURCE_EXHAUSTED TOO_MANY_LOOKUPS");
  EXPECT_EQ(DetailsOf(lookups).retry_after_seconds, 1.25);
}

TEST(Errors, OfALimitNameIt) {
  EXPECT_THAT(DetailsOf(TooManyWatches(7)).metadata, ElementsAre(Pair("limit", "max_watches")));
  EXPECT_THAT(DetailsOf(TooManyWatchesOfPeer(7)).metadata, ElementsAre(Pair("limit", "max_watches_per_peer")));
  EXPECT_THAT(DetailsOf(TooManyLookups("j", {})).metadata,
              ElementsAre(Pair("job_id", "j"), Pair("limit", "max_lookups_per_second")));
}

TEST(Errors, OfABackendFollowTheTableOfTheContract) {
  struct Row {
    jobs::BackendError error;
    std::string code_and_reason;
    bool retry;
  };
  const Row rows[] = {
      {{.kind = Kind::kTimeout, .detail = "late"}, "UNAVAILABLE BACKEND_TIMEOUT", true},
      {{.kind = Kind::kUnreachable, .detail = "refused"}, "UNAVAILABLE BACKEND_UNREACHABLE", true},
      {{.kind = Kind::kHttpError, .http_status = 429, .detail = "x"}, "UNAVAILABLE BACKEND_HTTP_ERROR", true},
      {{.kind = Kind::kHttpError, .http_status = 500, .detail = "x"}, "UNAVAILABLE BACKEND_HTTP_ERROR", true},
      {{.kind = Kind::kHttpError, .http_status = 599, .detail = "x"}, "UNAVAILABLE BACKEND_HTTP_ERROR", true},
      {{.kind = Kind::kHttpError, .http_status = 403, .detail = "x"}, "INTERNAL BACKEND_HTTP_ERROR", false},
      {{.kind = Kind::kHttpError, .http_status = 302, .detail = "x"}, "INTERNAL BACKEND_HTTP_ERROR", false},
      {{.kind = Kind::kBadResponse, .detail = "not JSON"}, "INTERNAL BACKEND_BAD_RESPONSE", false},
  };
  for (const Row& row : rows) {
    const grpc::Status status = NotAsked({"gpu", row.error}, "j");
    const ErrorDetails details = DetailsOf(status);
    EXPECT_EQ(CodeAndReason(status), row.code_and_reason) << row.error.http_status;
    EXPECT_EQ(details.retry_after_seconds.has_value(), row.retry) << row.code_and_reason;
    EXPECT_EQ(details.metadata.at("backend"), "gpu");
    EXPECT_EQ(details.metadata.at("job_id"), "j");
    EXPECT_THAT(status.error_message(), HasSubstr(row.error.detail));
    EXPECT_THAT(details.bad_fields, IsEmpty());
    EXPECT_EQ(details.metadata.contains("http_status"), row.error.http_status != 0);
    if (row.error.http_status == 0) continue;
    EXPECT_EQ(details.metadata.at("http_status"), std::to_string(row.error.http_status));
  }
}

TEST(Errors, FitIntoAHeaderWhateverTheirText) {
  const std::string hostile = "\r\nx: y\t" + std::string(100'000, 'a') + "é";
  for (const auto& status : {BackendNotFound(hostile), NotAsked({"gpu", {.detail = hostile}}, std::string(256, 'j'))}) {
    EXPECT_THAT(status.error_message(), SizeIs(testing::Le(1024u)));
    EXPECT_EQ(status.error_message().find_first_of("\r\n\t"), std::string::npos);
    EXPECT_THAT(status.error_details(), SizeIs(testing::Lt(4096u)));
  }
}

}  // namespace
}  // namespace rpc
