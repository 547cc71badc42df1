// Limits of the server, met with the real programs.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include "e2e/programs.h"
#include "rpc/error_details.h"
#include "rpc/watch_call.h"

namespace e2e {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(Limits, OfAConnectionsAgeAreNotNoticedByWhoeverWatches) {
  const Comfy comfy;
  const Service service({"gpu=" + comfy.url()}, {"--max-connection-age", "600ms"});
  const std::string id = Submit(comfy.url(), {.steps = 1'000'000});
  const std::string next = Submit(comfy.url(), {.steps = 1'000'000});
  jobstatus::Process watch(service.Command({"watch", id, next}));
  ASSERT_TRUE(watch.AwaitOutput(id + " processing"));
  const auto stub =
      pb::JobStatusService::NewStub(grpc::CreateChannel(service.address(), grpc::InsecureChannelCredentials()));
  for (int i = 0; i < 2; ++i)  // as long as the watch needs to become too old once, at least
    EXPECT_EQ(CodeAndReason(WatchCall(*stub, WatchRequest({id})).Finish()), "UNAVAILABLE CONNECTION_AGE");
  Interrupt(comfy.url());
  EXPECT_TRUE(watch.AwaitOutput(id + " cancelled"));
  EXPECT_TRUE(watch.AwaitOutput(next + " processing"));
  Interrupt(comfy.url());
  EXPECT_EQ(watch.Wait(), 3);
  EXPECT_THAT(watch.output(), HasSubstr(next + " cancelled"));
  EXPECT_THAT(watch.error(), IsEmpty());
}

TEST(Limits, OfAnAddressAreExplainedToTheOneWatchTooMany) {
  const Comfy comfy;
  const Service service({"gpu=" + comfy.url()}, {"--max-watches-per-peer", "1"});
  const std::string id = Submit(comfy.url(), {.steps = 1'000'000});
  jobstatus::Process watch(service.Command({"watch", id}));
  ASSERT_TRUE(watch.AwaitOutput(id + " processing"));
  const Ended refused = RunToEnd(service.Command({"watch", id}));
  EXPECT_EQ(refused.exit_code, 7);
  EXPECT_THAT(refused.err, HasSubstr("has as many watches of this address as it allows"));
  EXPECT_EQ(RunToEnd(service.Command({"get", id})).exit_code, 0);
  Interrupt(comfy.url());
  EXPECT_EQ(watch.Wait(), 3) << "the other is not disturbed";
}

}  // namespace
}  // namespace e2e
