#include "error_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/make.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace jobstatus {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(ErrorDetails, GiveReasonMetadataAndWhenToTryAgain) {
  const Error error = ToError(MakeFailure(grpc::StatusCode::UNAVAILABLE, "ComfyUI is away", "BACKEND_UNREACHABLE",
                                          {{"backend", "gpu"}, {"job_id", "j"}}, 1'500ms));
  EXPECT_EQ(error.code, Code::kUnavailable);
  EXPECT_EQ(error.message, "ComfyUI is away");
  EXPECT_EQ(error.reason, "BACKEND_UNREACHABLE");
  EXPECT_THAT(error.metadata, ElementsAre(Pair("backend", "gpu"), Pair("job_id", "j")));
  EXPECT_EQ(error.retry_after, 1'500ms);
}

TEST(ErrorDetails, NameTheFieldsOfABadRequest) {
  google::rpc::BadRequest bad;
  bad.add_field_violations()->set_field("job_id");
  bad.mutable_field_violations(0)->set_description("is empty");
  google::rpc::Status details;
  details.add_details()->PackFrom(bad);
  const Error error = ToError({grpc::StatusCode::INVALID_ARGUMENT, "job_id is empty", details.SerializeAsString()});
  EXPECT_THAT(error.invalid_fields, ElementsAre(Pair("job_id", "is empty")));
}

TEST(ErrorDetails, OfAnotherDomainAreNotTakenForTheServicesReason) {
  google::rpc::ErrorInfo info;
  info.set_domain("proxy.example");
  info.set_reason("JOB_NOT_FOUND");
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  EXPECT_THAT(ToError({grpc::StatusCode::NOT_FOUND, "", details.SerializeAsString()}).reason, IsEmpty());
}

TEST(ErrorDetails, ThatCannotBeReadLeaveCodeAndMessage) {
  const Error error = ToError({grpc::StatusCode::INTERNAL, "broken", "\xff\xff not a message"});
  EXPECT_EQ(error.code, Code::kInternal);
  EXPECT_EQ(error.message, "broken");
  EXPECT_THAT(error.reason, IsEmpty());
}

}  // namespace
}  // namespace jobstatus
