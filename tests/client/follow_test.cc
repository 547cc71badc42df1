// watch and wait run as a process, in a pipe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <future>

#include "client/process.h"
#include "client/scripted_service.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Follow : public testing::Test {
 protected:
  std::vector<std::string> With(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--server", service_.target()});
    return arguments;
  }

  ScriptedService service_;
};

TEST_F(Follow, WatchPrintsEachChangeAsItComes) {
  Process process(With({"watch", "j1", "--min-interval", "250ms", "--wait-for-job", "30s", "--after-revision", "3"}));
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().min_interval().nanos(), 250'000'000);
  EXPECT_EQ(stream->request().wait_for_job().seconds(), 30);
  EXPECT_EQ(stream->request().after_revision(), 3U);
  stream->Send(MakeQueued("j1", 3, 7));
  EXPECT_TRUE(process.AwaitOutput("Z j1 queued 3 of 7\n"));
  stream->Send(MakeProcessing("j1", 40));
  EXPECT_TRUE(process.AwaitOutput("Z j1 processing 40% KSampler 12/20\n"));
  stream->Send(MakeCompleted("j1"));
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("Z j1 completed\n  output images: ComfyUI_00001_.png"));
  EXPECT_THAT(process.output(), Not(HasSubstr("\x1b")));
  EXPECT_THAT(process.error(), IsEmpty());
}

TEST_F(Follow, WatchOfSeveralJobsExitsWithTheWorst) {
  Process process(With({"watch", "j1", "j2", "j3", "--json"}));
  const auto stream = service_.NextWatch();
  stream->Send(MakeFailed("j1", 1));
  stream->Send(MakeStatus("j2", JOB_STATE_CANCELLED, 2));
  stream->Send(MakeCompleted("j3", 3));
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_EQ(std::count(process.output().begin(), process.output().end(), '\n'), 3);
}

TEST_F(Follow, WatchOfEverythingAsksForTheNewestRevisionThenForWhatIsUnderWay) {
  std::vector<ListStatusesRequest> requests;
  service_.list_statuses = [&](const ListStatusesRequest& request, ListStatusesResponse& response) {
    requests.push_back(request);
    if (requests.size() == 1) *response.add_statuses() = MakeCompleted("old", 10);
    if (requests.size() == 2) {
      *response.add_statuses() = MakeStatus("running", JOB_STATE_PROCESSING, 9);
      response.set_next_page_token("page 2");
    }
    if (requests.size() == 3) *response.add_statuses() = MakeStatus("waiting", JOB_STATE_QUEUED, 4);
    return grpc::Status::OK;
  };
  Process process(With({"watch", "--backend", "gpu"}));
  const auto stream = service_.NextWatch();
  ASSERT_EQ(requests.size(), 3U);
  for (const ListStatusesRequest& request : requests) EXPECT_EQ(request.backend(), "gpu");
  EXPECT_EQ(requests[0].page_size(), 1);
  EXPECT_THAT(requests[0].states(), IsEmpty());
  EXPECT_THAT(requests[1].states(), ElementsAre(JOB_STATE_QUEUED, JOB_STATE_PROCESSING));
  EXPECT_EQ(requests[2].page_token(), "page 2");
  EXPECT_EQ(stream->request().backend(), "gpu");
  EXPECT_EQ(stream->request().after_revision(), 10U);
  stream->Send(MakeCompleted("running", 11));
  EXPECT_TRUE(process.AwaitOutput(" running completed\n"));
  EXPECT_THAT(process.output(), ContainsRegex(" waiting queued\n.* running processing\n.* running completed\n"));
  EXPECT_THAT(process.output(), Not(HasSubstr("old")));
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 130);
  EXPECT_TRUE(stream->AwaitCancelled());
}

TEST_F(Follow, WatchOfEverythingTellsWhatHappensWhileItAsksForWhatIsUnderWay) {
  int calls = 0;
  service_.list_statuses = [&](const ListStatusesRequest&, ListStatusesResponse& response) {
    if (++calls == 1) {
      *response.add_statuses() = MakeStatus("ends", JOB_STATE_PROCESSING, 10);
    } else {  // "ends" has ended with revision 11, and then
      *response.add_statuses() = MakeStatus("begins", JOB_STATE_PROCESSING, 12);
      *response.add_statuses() = MakeStatus("waits", JOB_STATE_QUEUED, 9);
    }
    return grpc::Status::OK;
  };
  Process process(With({"watch", "--json"}));
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().after_revision(), 10U);
  stream->Send(MakeCompleted("ends", 11));
  stream->Send(MakeStatus("begins", JOB_STATE_PROCESSING, 12));
  stream->Send(MakeStatus("waits", JOB_STATE_PROCESSING, 13));
  EXPECT_TRUE(process.AwaitOutput("\"revision\":\"13\""));
  EXPECT_THAT(process.output(), ContainsRegex("waits.*\"9\".*\n.*ends.*\"11\".*\n.*begins.*\"12\".*\n.*waits.*\"13\""));
  EXPECT_EQ(std::count(process.output().begin(), process.output().end(), '\n'), 4) << "each once, in their order";
}

TEST_F(Follow, WatchOfAServiceWithoutJobsBeginsAtZero) {
  int calls = 0;
  service_.list_statuses = [&](const ListStatusesRequest&, ListStatusesResponse&) {
    ++calls;
    return grpc::Status::OK;
  };
  Process process(With({"watch"}));
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().after_revision(), 0U);
  EXPECT_EQ(calls, 1);
  stream->Send(MakeCompleted("first"));
  EXPECT_TRUE(process.AwaitOutput(" first completed\n"));
}

TEST_F(Follow, WatchOfEverythingFromARevisionAsksForNothingElse) {
  Process process(With({"watch", "--after-revision", "0"}));
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().after_revision(), 0U);
  stream->Send(MakeCompleted("old"));
  EXPECT_TRUE(process.AwaitOutput(" old completed\n"));
}

TEST_F(Follow, WatchOfEverythingSurvivesALossBeforeItsFirstMessage) {
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse& response) {
    *response.add_statuses() = MakeCompleted("old", 10);
    return grpc::Status::OK;
  };
  Process process(With({"watch"}));
  service_.NextWatch()->Finish(MakeFailure(grpc::StatusCode::UNAVAILABLE, "bye", "SHUTTING_DOWN"));
  EXPECT_EQ(service_.NextWatch()->request().after_revision(), 10U);
  EXPECT_TRUE(process.AwaitError("is going down; trying again"));
}

TEST_F(Follow, WatchSaysOnceThatTheConnectionIsLostAndGoesOn) {
  Process process(With({"watch", "j1"}));
  service_.NextWatch()->Send(MakeStatus("j1", JOB_STATE_PROCESSING, 41));
  EXPECT_TRUE(process.AwaitOutput("processing"));
  service_.Stop();
  EXPECT_TRUE(process.AwaitError("trying again"));
  service_.Start();
  const auto stream = service_.NextWatch();
  EXPECT_EQ(stream->request().after_revision(), 41U);
  stream->Send(MakeCompleted("j1", 42));
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_EQ(std::count(process.error().begin(), process.error().end(), '\n'), 2) << process.error();
  EXPECT_THAT(process.error(), AllOf(StartsWith("jobstatus: lost the service at " + service_.target()),
                                     HasSubstr("connected to the service at " + service_.target() + " again")));
}

TEST_F(Follow, WaitPrintsNothingButTheEnd) {
  Process process(With({"wait", "j1"}));
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 40));
  stream->Send(MakeFailed("j1", 2));
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.output(), AllOf(Not(HasSubstr("processing")), HasSubstr(" j1 failed in VAEDecode")));
}

TEST_F(Follow, WaitThatRunsOutOfTimeSaysHowFarTheJobsAre) {
  Process process(With({"wait", "j1", "j2", "--timeout", "500ms"}));
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 40));
  EXPECT_EQ(process.Wait(), 6);
  EXPECT_THAT(process.error(),
              HasSubstr("not finished within 500ms: j1 (KSampler 12/20) j2 (not heard of). Allow more with --timeout"));
}

TEST_F(Follow, WaitThatRunsOutOfTimeAsksForWhatWasThinnedOut) {
  std::vector<std::string> asked;
  service_.get_status = [&](const GetStatusRequest& request, GetStatusResponse& response) {
    asked.push_back(request.job_id());
    JobStatus& status = *response.mutable_status();
    status = MakeProcessing(request.job_id(), 90);
    status.set_message("KSampler 18/20");
    status.set_revision(request.job_id() == "j1" ? 5 : 0);
    return grpc::Status::OK;
  };
  Process process(With({"wait", "j1", "j2", "j3", "--timeout", "500ms"}));
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 40));
  stream->Send(MakeProcessing("j2", 40));
  EXPECT_EQ(process.Wait(), 6);
  EXPECT_THAT(process.error(), HasSubstr(": j1 (KSampler 18/20) j2 (KSampler 12/20) j3 (not heard of). "));
  EXPECT_THAT(asked, ElementsAre("j1", "j2")) << "a job not heard of would be looked up at ComfyUI";
}

TEST_F(Follow, WaitForAnUnknownJobExitsWithFour) {
  Process process(With({"wait", "j1"}));
  service_.NextWatch()->Finish(
      MakeFailure(grpc::StatusCode::NOT_FOUND, "no such job", "JOB_NOT_FOUND", {{"job_id", "j1"}}));
  EXPECT_EQ(process.Wait(), 4);
  EXPECT_THAT(process.error(), HasSubstr("has a job j1."));
}

TEST_F(Follow, EndsQuietlyWhenNobodyReadsAnyMore) {
  Process process(With({"watch", "j1"}));
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 40));
  EXPECT_TRUE(process.AwaitOutput("processing"));
  process.CloseOutput();  // noticed without another status
  EXPECT_EQ(process.Wait(), 141);
  EXPECT_THAT(process.error(), IsEmpty());
}

TEST_F(Follow, RunsWithItsOutputClosed) {
  const std::string command = "'" JOBSTATUS_BINARY "' --server " + service_.target() + " wait j1 >&- 2>&- <&-";
  auto status = std::async(std::launch::async, [&] { return std::system(command.c_str()); });
  const auto stream = service_.NextWatch();
  stream->Send(MakeCompleted("j1"));
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(WEXITSTATUS(status.get()), 0);
}

TEST_F(Follow, CanBeInterruptedWhileNobodyReads) {
  Process process(With({"watch", "j1"}));
  const auto stream = service_.NextWatch();
  JobStatus big = MakeProcessing("j1", 40);
  big.set_message(std::string(200'000, 'x'));  // more than a pipe holds
  stream->Send(big);
  EXPECT_TRUE(process.AwaitOutput("xxx"));
  process.Signal(SIGINT);
  EXPECT_EQ(process.Wait(), 130);
}

}  // namespace
}  // namespace jobstatus
