#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <optional>

#include "e2e/programs.h"
#include "fakes/fake_comfy.h"
#include "rpc/watch_call.h"

// What is remembered, as callers see it.
namespace e2e {
namespace {

using jobstatus::Process;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Archived : public testing::Test {
 protected:
  void StartBefore(const Arguments& backends, const Arguments& more = {}) {
    service.reset();
    service.emplace(backends, more, "127.0.0.1:0", state.path());
    stub = pb::JobStatusService::NewStub(grpc::CreateChannel(service->address(), grpc::InsecureChannelCredentials()));
  }
  void Start(const Arguments& more = {}) { StartBefore(Gpu(), more); }
  Arguments Gpu() const { return {"gpu=" + comfy.url()}; }
  Ended Jobstatus(const Arguments& arguments) { return RunToEnd(service->Command(arguments)); }

  // A job that has run to its end, which was told.
  std::string RunOne(const std::string& id) {
    comfy.Submit({.prompt_id = id});
    Process wait(service->Command({"watch", "--wait-for-job", "10s", id}));
    comfy.StartNext();
    comfy.FinishSuccess(R"({"9": {"images": [{"filename": "cat.png", "subfolder": "", "type": "output"}]}})");
    EXPECT_EQ(wait.Wait(), 0) << wait.error();
    return id;
  }
  void AwaitState(const std::string& id, const std::string& word) {
    Process watch(service->Command({"watch", "--wait-for-job", "10s", id}));
    EXPECT_TRUE(watch.AwaitOutput(id + " " + word)) << watch.output();
  }
  std::vector<std::string> Page(pb::ListStatusesRequest& request) {
    grpc::ClientContext context;
    pb::ListStatusesResponse response;
    const grpc::Status status = stub->ListStatuses(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    request.set_page_token(response.next_page_token());
    std::vector<std::string> ids;
    for (const pb::JobStatus& job : response.statuses()) ids.push_back(job.job_id());
    return ids;
  }

  fakes::FakeComfy comfy{{.version = "v0.3.64"}};
  StateDir state;
  std::optional<Service> service;
  std::unique_ptr<pb::JobStatusService::Stub> stub;
};

TEST_F(Archived, AVerdictOutlivesTheServiceAndComfyui) {
  Start();
  RunOne("cat");
  service->process().Signal(SIGKILL);
  comfy.Restart();
  Start();
  EXPECT_THAT(Jobstatus({"get", "cat"}).out, AllOf(HasSubstr("cat completed with 1 output"), HasSubstr("cat.png")));
  EXPECT_THAT(Jobstatus({"list"}).out, HasSubstr("cat"));
  EXPECT_EQ(Jobstatus({"wait", "cat"}).exit_code, 0);
}

TEST_F(Archived, WithoutAStateDirectoryNothingDoesAndTheLogSaysSo) {
  service.emplace(Gpu(), Arguments{}, "127.0.0.1:0", "none");
  EXPECT_TRUE(service->process().AwaitError("nothing that is known now will survive a restart"));
  RunOne("cat");
  comfy.Restart();
  service.emplace(Gpu(), Arguments{}, "127.0.0.1:0", "none");
  EXPECT_EQ(Jobstatus({"get", "cat"}).exit_code, 4);
}

TEST_F(Archived, JobsThatEndedOrVanishedWhileTheServiceWasDownAreToldRight) {
  Start();
  comfy.Submit({.prompt_id = "ended"});
  comfy.Submit({.prompt_id = "running"});
  comfy.Submit({.prompt_id = "removed"});
  comfy.Submit({.prompt_id = "waiting"});
  comfy.StartNext();
  AwaitState("ended", "processing");
  AwaitState("waiting", "queued");
  service->process().Signal(SIGKILL);
  comfy.FinishError({.exception_message = "boom"});
  comfy.StartNext();
  comfy.DeletePending({"removed"});
  Start();
  EXPECT_EQ(Jobstatus({"wait", "--timeout", "20s", "ended"}).exit_code, 1);
  EXPECT_EQ(Jobstatus({"wait", "--timeout", "20s", "removed"}).exit_code, 3);
  EXPECT_THAT(Jobstatus({"get", "removed"}).out, HasSubstr("lost")) << "nobody watched when it went";
  AwaitState("running", "processing");
  AwaitState("waiting", "queued");
}

TEST_F(Archived, JobsOfAComfyuiThatRestartedWhileTheServiceWasDownAreLostByTheRestart) {
  Start();
  RunOne("before");
  comfy.Submit({.prompt_id = "running"});
  comfy.StartNext();
  AwaitState("running", "processing");
  service->process().Signal(SIGKILL);
  comfy.Restart();
  Start();
  EXPECT_EQ(Jobstatus({"wait", "--timeout", "20s", "running"}).exit_code, 3);
  EXPECT_THAT(Jobstatus({"get", "--json", "running"}).out, HasSubstr("ERROR_REASON_BACKEND_RESTARTED"));
  EXPECT_THAT(Jobstatus({"get", "before"}).out, HasSubstr("completed")) << "a verdict stands";
}

TEST_F(Archived, ThePercentageOfARunningJobGoesOnWhereItWas) {
  Start({"--client-id", "gpu=jobstatus-mine"});
  ASSERT_TRUE(comfy.WaitForSockets(1));
  comfy.Submit({.prompt_id = "x", .client_id = "jobstatus-mine"});
  comfy.StartNext();
  comfy.Cached({"3"});
  comfy.StartNode("8");
  WatchCall before(*stub, WatchRequest({"x"}));
  comfy.FinishNode("8");
  double told = 0;
  while (told < 50) told = before.ReadStatus().value().progress().percentage();  // the other node is to come
  EXPECT_EQ(told, 50);
  service->process().Signal(SIGTERM);
  EXPECT_EQ(service->process().Wait(), 0);
  Start({"--client-id", "gpu=jobstatus-mine"});
  WatchCall after(*stub, WatchRequest({"x"}));
  ASSERT_TRUE(comfy.WaitForSockets(2));
  comfy.StartNode("9");  // of three nodes, so it seems: that the first was cached is not told again
  bool moved = false;
  while (!moved) {
    const pb::JobStatus status = after.ReadStatus().value();
    EXPECT_GE(status.progress().percentage(), told) << status.ShortDebugString();
    moved = status.progress().has_current_node();
  }
  comfy.FinishSuccess();
  EXPECT_TRUE(after.Finish().ok());
}

TEST_F(Archived, JobsOfABackendThatIsAwayWhenTheServiceStartsAreStaleAndToldRightWhenItIsBack) {
  Start();
  comfy.Submit({.prompt_id = "x"});
  comfy.StartNext();
  AwaitState("x", "processing");
  service->process().Signal(SIGKILL);
  comfy.Down();
  Start();
  EXPECT_THAT(Jobstatus({"get", "--json", "x"}).out, AllOf(HasSubstr(R"("stale":true)"), HasSubstr("PROCESSING")));
  comfy.Up();
  EXPECT_EQ(Jobstatus({"wait", "--timeout", "30s", "x"}).exit_code, 3);
}

TEST_F(Archived, StatusesOfABackendThatWasRemovedStayReadable) {
  fakes::FakeComfy other({.version = "v0.3.64"});
  StartBefore({"gpu=" + comfy.url(), "other=" + other.url()});
  RunOne("cat");
  comfy.Submit({.prompt_id = "waiting"});
  AwaitState("waiting", "queued");
  StartBefore({"other=" + other.url()});
  EXPECT_THAT(Jobstatus({"get", "cat"}).out, HasSubstr("completed"));
  EXPECT_THAT(Jobstatus({"--backend", "gpu", "list"}).out, AllOf(HasSubstr("cat"), HasSubstr("waiting")));
  EXPECT_THAT(Jobstatus({"get", "--json", "waiting"}).out, HasSubstr(R"("stale":true)"));
  EXPECT_THAT(Jobstatus({"backends"}).out, Not(HasSubstr("gpu")));
  StartBefore({"gpu=" + comfy.url(), "other=" + other.url()});
  comfy.StartNext();
  AwaitState("waiting", "processing");
}

TEST_F(Archived, StatusesOfABackendThatWasRenamedGoWithIt) {
  Start();
  RunOne("cat");
  comfy.Submit({.prompt_id = "waiting"});
  AwaitState("waiting", "queued");
  StartBefore({"big=" + comfy.url()});
  EXPECT_THAT(Jobstatus({"--backend", "big", "list"}).out, AllOf(HasSubstr("cat"), HasSubstr("waiting")));
  EXPECT_EQ(Jobstatus({"--backend", "gpu", "list"}).exit_code, 4);
  comfy.StartNext();
  AwaitState("waiting", "processing");
}

TEST_F(Archived, IsListedPageByPageAndTheTokensHoldOverARestart) {
  Start({"--max-finished-in-memory", "2"});
  for (const char* id : {"1", "2", "3", "4", "5", "6"}) RunOne(id);
  pb::ListStatusesRequest request;
  request.set_page_size(2);
  EXPECT_THAT(Page(request), ElementsAre("6", "5"));
  EXPECT_THAT(Page(request), ElementsAre("4", "3"));
  RunOne("7");
  Start({"--max-finished-in-memory", "2"});
  EXPECT_THAT(Page(request), ElementsAre("2", "1"));
  EXPECT_EQ(request.page_token(), "");
}

TEST_F(Archived, AWatchOfEverythingThatResumesFromLongAgoSkipsNothing) {
  Start({"--max-finished-in-memory", "2"});
  for (int i = 1; i <= 100; ++i) RunOne(std::to_string(i));
  WatchCall watch(*stub, WatchRequest({}, 1));
  for (int i = 1; i <= 100; ++i) {
    const auto status = watch.ReadStatus();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->job_id(), std::to_string(i));
  }
  WatchCall rest(*stub, WatchRequest({}, watch.read()[49].revision()));
  EXPECT_EQ(rest.ReadStatus().value().job_id(), "51");
}

TEST_F(Archived, AsManyFinishedJobsAsAreToBeKeptAreKept) {
  Start({"--max-finished-jobs", "3"});
  for (const char* id : {"1", "2", "3", "4", "5"}) RunOne(id);
  Start({"--max-finished-jobs", "3"});
  AwaitState("5", "completed");
  comfy.Restart();  // or it would be found in the history
  EXPECT_THAT(Jobstatus({"get", "3"}).out, HasSubstr("completed"));
  EXPECT_EQ(Jobstatus({"get", "2"}).exit_code, 4);
}

TEST_F(Archived, ASecondServerIsNotLetIntoTheSameDirectory) {
  Start();
  const Ended second =
      RunToEnd({"timeout", "3", JOBSTATUS_SERVER, "--listen", "127.0.0.1:0", "--state-dir", state.path()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err,
              AllOf(HasSubstr("is in use by another jobstatus-server (process "), HasSubstr("--state-dir")));
}

TEST_F(Archived, IsInTheUsersStateDirectoryUnlessToldOtherwise) {
  const auto chosen = [&](const Arguments& environment) {
    Arguments command = {"env", "-u", "STATE_DIRECTORY", "-u", "XDG_STATE_HOME"};
    command.insert(command.end(), environment.begin(), environment.end());
    command.insert(command.end(), {JOBSTATUS_SERVER, "--help"});
    return RunToEnd(command).out;
  };
  EXPECT_THAT(chosen({"STATE_DIRECTORY=/var/lib/private/js:/other"}), HasSubstr("=/var/lib/private/js "));
  if (geteuid() == 0) {
    EXPECT_THAT(chosen({}), HasSubstr("=/var/lib/jobstatus "));
  } else {
    EXPECT_THAT(chosen({"XDG_STATE_HOME=/x"}), HasSubstr("=/x/jobstatus "));
    EXPECT_THAT(chosen({"HOME=/home/me"}), HasSubstr("=/home/me/.local/state/jobstatus "));
  }
}

}  // namespace
}  // namespace e2e
