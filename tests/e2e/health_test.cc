#include "rpc/health.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include "e2e/programs.h"
#include "fakes/fake_comfy.h"
#include "rpc/error_details.h"
#include "rpc/watch_call.h"

// What tells others whether the service is there: health, and the address file; and how it goes.
namespace e2e {
namespace {

using jobstatus::Process;
using testing::HasSubstr;

TEST(HealthCommand, TellsByItsExitCodeWhetherTheServiceServesAndReachesABackend) {
  const fakes::FakeComfy comfy;
  const Service service({"gpu=" + comfy.url(), "away=http://127.0.0.1:1"});
  const auto health = [&](Arguments more) {
    more.insert(more.begin(), "health");
    return RunToEnd(service.Command(more));
  };
  const Ended whole = health({});
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_EQ(whole.out, "SERVING\n");
  EXPECT_EQ(health({"comfyui.jobstatus.v1.JobStatusService"}).exit_code, 0);
  const Ended away = health({"away"});
  EXPECT_EQ(away.exit_code, 5);
  EXPECT_EQ(away.out, "NOT_SERVING\n");
  EXPECT_EQ(health({"--backend", "away"}).out, "NOT_SERVING\n");
  const Ended unknown = health({"gpu9"});
  EXPECT_EQ(unknown.exit_code, 4);
  EXPECT_EQ(unknown.out, "SERVICE_UNKNOWN\n");
  EXPECT_EQ(health({"away", "--json"}).out, "{\"status\":\"NOT_SERVING\"}\n");
  EXPECT_EQ(health({"away", "--backend", "gpu"}).exit_code, 2);
}

TEST(HealthCommand, ThatReachesNobodySaysSo) {
  const Ended ended = RunToEnd({JOBSTATUS_COMMAND, "--server", "unix:/no/such", "health"});
  EXPECT_EQ(ended.exit_code, 5);
  EXPECT_THAT(ended.err, HasSubstr("cannot reach the job status service at unix:/no/such"));
  EXPECT_EQ(RunToEnd({JOBSTATUS_COMMAND, "health", "--tls", "--ca", "/no/such"}).exit_code, 2);
}

TEST(HealthCommand, WatchesABackendUntilTheServiceEnds) {
  std::optional<Comfy> comfy(std::in_place);
  const std::string url = comfy->url();
  const std::string port = comfy->port();
  comfy.reset();
  Service service({"gpu=" + url});
  Process watch(service.Command({"health", "--watch", "gpu"}));
  ASSERT_TRUE(watch.AwaitOutput("NOT_SERVING\n"));
  comfy.emplace(port);
  ASSERT_TRUE(watch.AwaitOutput("NOT_SERVING\nSERVING\n"));
  service.process().Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 5);
  EXPECT_TRUE(watch.output().ends_with("SERVING\nNOT_SERVING\n")) << watch.output();
  EXPECT_THAT(watch.error(), HasSubstr("is going down"));
}

// ---- what callers hear of the end

class Ending : public testing::Test {
 protected:
  // With a grace that a test would notice.
  Ending() : service({"gpu=" + comfy.url()}, {"--drain-grace", "1h"}) {}

  fakes::FakeComfy comfy;
  Service service;
};

TEST_F(Ending, IsToldByHealthAndDoesNotWaitForWhoeverWatchesIt) {
  {
    Health health(service.address());
    const auto whole = health.StartWatch("");
    ASSERT_EQ(whole->Read(), Health::Serving::kServing);
    service.process().Signal(SIGTERM);
    EXPECT_EQ(whole->Read(), Health::Serving::kNotServing);
    EXPECT_EQ(CodeAndReason(whole->Finish()), "UNAVAILABLE SHUTTING_DOWN");
  }  // gRPC's blocking client looks at a quiet connection every 5 s only, and would not see that it is asked to close
     // it
  EXPECT_EQ(service.process().Wait(), 0);
}

TEST_F(Ending, EndsEveryStreamAndSaysWhenToComeBack) {
  {
    const auto stub =
        pb::JobStatusService::NewStub(grpc::CreateChannel(service.address(), grpc::InsecureChannelCredentials()));
    WatchCall watch(*stub, WatchRequest({}));
    watch.AwaitInitialMetadata();
    service.process().Signal(SIGTERM);
    const grpc::Status status = watch.Finish();
    EXPECT_EQ(CodeAndReason(status), "UNAVAILABLE SHUTTING_DOWN");
    EXPECT_GT(DetailsOf(status).retry_after_seconds.value_or(0), 0);
  }
  EXPECT_EQ(service.process().Wait(), 0);
}

// ---- the address file

class AddressFile : public testing::Test {
 protected:
  Arguments Command() const {
    return {JOBSTATUS_SERVER, "--listen", "127.0.0.1:0", "--state-dir=none", "--address-file", file};
  }

  const std::string file = FreshFile("address");
};

TEST_F(AddressFile, IsThereWhileCallsAreTaken) {
  Process service(Command());
  ASSERT_TRUE(service.AwaitError("taking calls on "));
  service.Signal(SIGHUP);
  ASSERT_TRUE(service.AwaitError("SIGHUP"));  // the main loop runs, so the file is written
  std::string address;
  std::getline(std::ifstream(file) >> std::ws, address);
  EXPECT_EQ(RunToEnd({JOBSTATUS_COMMAND, "--server", address, "health"}).exit_code, 0) << address;
  service.Signal(SIGTERM);
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST_F(AddressFile, OfAnotherServerStays) {
  Process service(Command());
  ASSERT_TRUE(service.AwaitError("taking calls on "));
  service.Signal(SIGHUP);
  ASSERT_TRUE(service.AwaitError("SIGHUP"));
  std::ofstream(file) << "127.0.0.1:1\n";
  service.Signal(SIGTERM);
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_TRUE(std::filesystem::exists(file));
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace e2e
