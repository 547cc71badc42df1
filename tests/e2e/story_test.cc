#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "e2e/programs.h"

namespace e2e {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Story : public testing::Test {
 protected:
  Ended Jobstatus(const Arguments& arguments) const { return RunToEnd(service.Command(arguments)); }

  Comfy comfy;
  Service service{{"gpu=" + comfy.url()}};
};

TEST_F(Story, AJobIsWatchedFromTheQueueToItsOutputs) {
  const std::string blocker = Submit(comfy.url(), {.steps = 1'000'000});
  const std::string id = Submit(comfy.url(), {.steps = 1000});
  jobstatus::Process watch(service.Command({"watch", id}));
  EXPECT_TRUE(watch.AwaitOutput(id + " queued"));
  Interrupt(comfy.url());  // the blocker
  EXPECT_TRUE(watch.AwaitOutput(id + " processing"));
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_THAT(watch.output(), ContainsRegex(id + " completed"));
  EXPECT_THAT(watch.output(),
              HasSubstr("output images: cat_00001_.png  " + comfy.url() + "/view?filename=cat_00001_.png"));
  EXPECT_THAT(watch.output(), Not(HasSubstr(blocker)));
  EXPECT_THAT(watch.error(), IsEmpty());
}

TEST_F(Story, AJobSubmittedWithTheClientIdOfTheServiceIsSeenMoving) {
  std::string client_id;
  const std::string key = R"("clientId":")";
  for (int tries = 0; client_id.empty() && tries < 200; ++tries) {  // until the service hears ComfyUI
    const std::string backends = Jobstatus({"--json", "backends"}).out;
    if (const std::size_t at = backends.find(key); at != std::string::npos) {
      client_id = backends.substr(at + key.size(), backends.find('"', at + key.size()) - at - key.size());
    }
  }
  EXPECT_THAT(client_id, testing::StartsWith("jobstatus-"));
  EXPECT_THAT(Jobstatus({"backends"}).out, HasSubstr("live progress with client_id " + client_id));
  const std::string id = Submit(comfy.url(), {.steps = 2000, .client_id = client_id});
  const Ended watched = Jobstatus({"watch", id, "--min-interval", "1ms"});
  EXPECT_EQ(watched.exit_code, 0);
  EXPECT_THAT(watched.out, ContainsRegex(id + " processing [0-9]+% KSampler [0-9]+/2000"));
  EXPECT_THAT(Jobstatus({"--json", "get", id}).out, HasSubstr(R"("source":"PROGRESS_SOURCE_OWNED")"));
}

TEST_F(Story, IsToldAsJson) {
  const std::string id = Submit(comfy.url());
  const Ended waited = Jobstatus({"--json", "wait", id});
  EXPECT_EQ(waited.exit_code, 0);
  EXPECT_THAT(waited.out, AllOf(HasSubstr(R"("jobId":")" + id), HasSubstr(R"("state":"JOB_STATE_COMPLETED")"),
                                HasSubstr(R"("percentage":100)"), HasSubstr(R"("filename":"cat_00001_.png")"),
                                HasSubstr(R"("startTime":)")));
  EXPECT_EQ(std::ranges::count(waited.out, '\n'), 1);
  EXPECT_EQ(Jobstatus({"--json", "get", id}).out, waited.out);
  EXPECT_THAT(Jobstatus({"--json", "list", "--state", "completed"}).out, HasSubstr(id));
  EXPECT_THAT(Jobstatus({"--json", "backends"}).out,
              AllOf(HasSubstr(R"("name":"gpu")"), HasSubstr(R"("reachable":true)")));
}

TEST_F(Story, ExitCodesSayHowTheJobEnded) {
  const std::string done = Submit(comfy.url());
  const std::string failed = Submit(comfy.url(), {.raise = "CUDA out of memory"});
  const std::string interrupted = Submit(comfy.url(), {.steps = 1'000'000});
  const std::string removed = Submit(comfy.url());
  EXPECT_EQ(Jobstatus({"wait", done}).exit_code, 0);
  const Ended failure = Jobstatus({"wait", failed});
  EXPECT_EQ(failure.exit_code, 1);
  EXPECT_THAT(failure.out, AllOf(HasSubstr("failed in KSampler"), HasSubstr("OutOfMemoryError")));

  jobstatus::Process wait_for_interrupted(service.Command({"watch", interrupted}));
  ASSERT_TRUE(wait_for_interrupted.AwaitOutput("processing"));
  EXPECT_EQ(Jobstatus({"wait", "--timeout", "50ms", interrupted}).exit_code, 6);
  EXPECT_EQ(Jobstatus({"get", interrupted}).exit_code, 0) << "neither done nor failed yet";
  EXPECT_THAT(Jobstatus({"get", removed}).out, HasSubstr(removed + " queued 1st of 1"));
  DeletePending(comfy.url(), removed);
  const Ended removal = Jobstatus({"wait", removed});
  EXPECT_EQ(removal.exit_code, 3);
  EXPECT_THAT(removal.out, HasSubstr("removed from the queue"));
  Interrupt(comfy.url());
  EXPECT_EQ(wait_for_interrupted.Wait(), 3);
  EXPECT_THAT(wait_for_interrupted.output(), HasSubstr("interrupted while running"));
  EXPECT_EQ(Jobstatus({"get", done, failed}).exit_code, 1);
}

TEST_F(Story, ExitCodesSayWhyThereIsNoAnswer) {
  const Ended unknown = Jobstatus({"get", "no-such-job"});
  EXPECT_EQ(unknown.exit_code, 4);
  EXPECT_THAT(unknown.err, HasSubstr("no ComfyUI server has a job no-such-job"));
  EXPECT_EQ(Jobstatus({"watch", "no-such-job"}).exit_code, 4);
  EXPECT_EQ(Jobstatus({"--backend", "gpu9", "get", "x"}).exit_code, 4);
  EXPECT_EQ(Jobstatus({"get", std::string(257, 'x')}).exit_code, 2);
  EXPECT_EQ(Jobstatus({"get"}).exit_code, 2);
  comfy.process().Signal(SIGKILL);
  jobstatus::Process away(service.Command({"watch"}));
  const Ended unreachable = Jobstatus({"get", "another-job"});
  EXPECT_EQ(unreachable.exit_code, 5);
  EXPECT_THAT(unreachable.err, HasSubstr("ComfyUI gpu cannot be reached"));
  const Ended no_service = RunToEnd({JOBSTATUS_COMMAND, "--server", "127.0.0.1:1", "get", "x"});
  EXPECT_EQ(no_service.exit_code, 5);
}

TEST_F(Story, AWaitThatBeginsBeforeTheJobIsSubmittedSeesItsEnd) {
  const std::string id = "11111111-2222-4333-8444-555555555555";
  jobstatus::Process wait(service.Command({"wait", "--wait-for-job", "20s", id}));
  EXPECT_EQ(Jobstatus({"get", id}).exit_code, 4);
  Submit(comfy.url(), {.prompt_id = id});
  EXPECT_EQ(wait.Wait(), 0);
  EXPECT_THAT(wait.output(), HasSubstr(id + " completed"));
}

TEST_F(Story, AJobOfBeforeTheServiceStartedIsKnown) {
  const std::string id = Submit(comfy.url());
  ASSERT_EQ(Jobstatus({"wait", id}).exit_code, 0);
  const Service later({"gpu=" + comfy.url()});
  const Ended got = RunToEnd(later.Command({"get", id}));
  EXPECT_EQ(got.exit_code, 0);
  EXPECT_THAT(got.out, HasSubstr(id + " completed"));
}

}  // namespace
}  // namespace e2e
