#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "e2e/programs.h"
#include "fakes/fake_comfy.h"
#include "rpc/watch_call.h"

namespace e2e {
namespace {

using jobstatus::Process;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kKilledBy = 1000;  // Process's exit code of a program that a signal ended

// A ComfyUI that does what the test says, and a service that comes and goes.
class Restarted : public testing::Test {
 protected:
  void StartService(const std::string& listen = "127.0.0.1:0") {
    service.emplace(Arguments{"gpu=" + comfy.url()}, Arguments{}, listen, state.path());
  }
  void StartServiceAgain() {
    const std::string address = service->address();
    service.reset();
    StartService(address);
  }

  fakes::FakeComfy comfy;
  StateDir state;
  std::optional<Service> service;
};

TEST_F(Restarted, AWatchOutlivesAServiceThatIsKilled) {
  StartService();
  const std::string id = comfy.Submit().prompt_id;
  comfy.StartNext();
  Process watch(service->Command({"watch", id}));
  ASSERT_TRUE(watch.AwaitOutput("processing"));
  service->process().Signal(SIGKILL);
  ASSERT_TRUE(watch.AwaitError("trying again"));
  StartServiceAgain();
  ASSERT_TRUE(watch.AwaitError("connected to the service at " + service->address() + " again"));
  comfy.FinishSuccess();
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_THAT(watch.output(), HasSubstr(id + " completed"));
}

TEST_F(Restarted, AWaitIsToldOfAnEndThatCameWhileTheServiceWasDown) {
  StartService();
  const std::string id = comfy.Submit().prompt_id;
  comfy.StartNext();
  Process watch(service->Command({"watch", id}));
  ASSERT_TRUE(watch.AwaitOutput("processing"));
  service->process().Signal(SIGKILL);
  ASSERT_TRUE(watch.AwaitError("trying again"));
  comfy.FinishError({.exception_message = "boom"});
  StartServiceAgain();
  EXPECT_EQ(watch.Wait(), 1);
  EXPECT_THAT(watch.output(), HasSubstr("boom"));
}

TEST_F(Restarted, RevisionsGrowOverARestart) {
  const std::string id = comfy.Submit().prompt_id;
  const auto revision = [&] {
    const auto stub =
        pb::JobStatusService::NewStub(grpc::CreateChannel(service->address(), grpc::InsecureChannelCredentials()));
    return WatchCall(*stub, WatchRequest({id})).ReadStatus().value_or(pb::JobStatus()).revision();
  };
  StartService();
  const std::uint64_t before = revision();
  StartServiceAgain();
  EXPECT_GT(before, 0u);
  EXPECT_GT(revision(), before);
}

TEST_F(Restarted, AServiceThatIsToldToEndSaysSoAndEndsWell) {
  StartService();
  comfy.Submit();
  Process watch(service->Command({"watch"}));
  // It lists what there is, then watches: only that it watches tells what changes. A watch that comes while gRPC closes
  // is told CANCELLED, without a reason.
  ASSERT_TRUE(watch.AwaitOutput("queued"));
  comfy.StartNext();
  ASSERT_TRUE(watch.AwaitOutput("processing"));
  service->process().Signal(SIGTERM);
  EXPECT_TRUE(watch.AwaitError("is going down; trying again"));
  EXPECT_EQ(service->process().Wait(), 0);
  EXPECT_THAT(service->process().error(), HasSubstr("ended"));
}

TEST_F(Restarted, AWatchOutlivesAServiceThatIsToldToEnd) {
  StartService();
  const std::string id = comfy.Submit().prompt_id;
  comfy.StartNext();
  Process watch(service->Command({"watch", id}));
  ASSERT_TRUE(watch.AwaitOutput("processing"));
  service->process().Signal(SIGTERM);
  EXPECT_EQ(service->process().Wait(), 0);
  StartServiceAgain();
  EXPECT_TRUE(watch.AwaitError("connected to the service at " + service->address() + " again")) << watch.error();
  comfy.FinishSuccess();
  EXPECT_EQ(watch.Wait(), 0) << watch.error();
}

TEST_F(Restarted, AServiceEndsWellOnCtrlCWithALookUpUnderWay) {
  comfy.Inject("/history/x", fakes::Fault::Hang());
  StartService();
  Process get(service->Command({"get", "x"}));
  ASSERT_TRUE(comfy.WaitForRequests("/history/x", 1));
  service->process().Signal(SIGINT);
  EXPECT_EQ(service->process().Wait(), 0);
  EXPECT_EQ(get.Wait(), 5);
}

TEST_F(Restarted, AServiceEndsWellOnCtrlCWithAWatchThatWaitsForItsJob) {
  comfy.Inject("/history/x", fakes::Fault::Hang());
  StartService();
  Process watch(service->Command({"watch", "--wait-for-job", "1h", "x"}));
  ASSERT_TRUE(comfy.WaitForRequests("/history/x", 1));
  service->process().Signal(SIGINT);
  EXPECT_EQ(service->process().Wait(), 0);
  EXPECT_EQ(watch.Wait(), 5);
  EXPECT_THAT(watch.error(), HasSubstr("going down"));
}

TEST_F(Restarted, ASecondSignalKillsAServiceWhoseEndHangs) {
  service.emplace(Arguments{"gpu=" + comfy.url()}, Arguments{"--drain-grace", "1h", "--write-stall-limit", "1h"});
  std::vector<std::string> ids;
  for (int i = 0; i < 40; ++i) {
    ids.push_back(comfy.Submit().prompt_id);
    comfy.StartNext();
    comfy.FinishError({.traceback = {std::string(15'000, 'x')}});
  }
  Arguments get = {"get"};
  get.insert(get.end(), ids.begin(), ids.end());
  ASSERT_EQ(RunToEnd(service->Command(get)).exit_code, 1);
  // Somebody who takes nothing holds the end up.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  const auto stub = pb::JobStatusService::NewStub(
      grpc::CreateCustomChannel(service->address(), grpc::InsecureChannelCredentials(), arguments));
  WatchCall stuck(*stub, WatchRequest({}));
  ASSERT_TRUE(stuck.ReadStatus());
  service->process().Signal(SIGTERM);
  ASSERT_TRUE(service->process().AwaitError("a second signal kills"));
  service->process().Signal(SIGTERM);
  EXPECT_EQ(service->process().Wait(), kKilledBy + SIGTERM);
}

TEST(ComfyRestarted, ItsJobsAreStaleWhileItIsAwayAndLostWhenItIsBackWithoutThem) {
  std::optional<Comfy> comfy(std::in_place, "0", "0.001");
  const std::string port = comfy->port();
  const Service service({"gpu=" + comfy->url()});
  const std::string id = Submit(comfy->url());
  Process watch(service.Command({"--json", "watch", "--wait-for-job", "10s", id}));
  ASSERT_TRUE(watch.AwaitOutput("JOB_STATE_PROCESSING"));
  comfy.reset();
  ASSERT_TRUE(watch.AwaitOutput(R"("stale":true)"));
  EXPECT_THAT(watch.output(), Not(HasSubstr("JOB_STATE_LOST")));
  comfy.emplace(port);
  EXPECT_EQ(watch.Wait(), 3);
  EXPECT_THAT(watch.output(), AllOf(HasSubstr("JOB_STATE_LOST"), HasSubstr("ERROR_REASON_BACKEND_RESTARTED")));
}

}  // namespace
}  // namespace e2e
