// The command on a pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/process.h"
#include "client/scripted_service.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

constexpr char kHideCursor[] = "\x1b[?25l";
constexpr char kShowCursor[] = "\x1b[?25h";

class OnATerminal : public testing::Test {
 protected:
  std::vector<std::string> With(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--server", service_.target()});
    return arguments;
  }

  ScriptedService service_;
};

TEST_F(OnATerminal, WatchDrawsBarsInPlaceAndLeavesTheOutputs) {
  Process process(With({"watch", "j1", "--no-color"}), Process::Stdout::kTerminal);
  const auto stream = service_.NextWatch();
  stream->Send(MakeQueued("j1", 3, 7));
  EXPECT_TRUE(process.AwaitOutput("j1      queued      3rd of 7"));
  EXPECT_THAT(process.output(), HasSubstr(kHideCursor));
  stream->Send(MakeProcessing("j1", 50));
  EXPECT_TRUE(process.AwaitOutput("\x1b[1A\x1b[J"));
  EXPECT_TRUE(process.AwaitOutput("j1      processing  ███████░░░░░░░░  50%  KSampler 12/20"));
  stream->Send(MakeCompleted("j1"));
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(), HasSubstr("j1  completed   1 output\r\n  output images: ComfyUI_00001_.png"));
  EXPECT_THAT(process.output(), HasSubstr(kShowCursor));
}

TEST_F(OnATerminal, CtrlCGivesTheCursorBackAndExitsWith130) {
  Process process(With({"watch", "j1"}), Process::Stdout::kTerminal);
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 50));
  EXPECT_TRUE(process.AwaitOutput("50%"));
  EXPECT_THAT(process.output(), HasSubstr("\x1b[36m"));
  process.Type("\x03");
  EXPECT_EQ(process.Wait(), 130);
  EXPECT_THAT(process.output(), EndsWith(kShowCursor));
  EXPECT_TRUE(stream->AwaitCancelled());
}

TEST_F(OnATerminal, WatchFollowsTheTerminalsSize) {
  Process process(With({"watch", "j1", "--no-color"}), Process::Stdout::kTerminal);
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 50));
  EXPECT_TRUE(process.AwaitOutput("KSampler 12/20\r\n"));
  process.Resize(40, 10);
  EXPECT_TRUE(process.AwaitOutput("\x1b[2A"));  // the old line fills two rows now
  EXPECT_TRUE(process.AwaitOutput("j1      processing   50%  KSampler 12/2"));
}

TEST_F(OnATerminal, WatchSaysWhenThereIsNothingToShow) {
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse&) { return grpc::Status::OK; };
  Process process(With({"watch"}), Process::Stdout::kTerminal);
  EXPECT_TRUE(process.AwaitOutput("Nothing runs or waits. Ctrl-C leaves."));
}

TEST_F(OnATerminal, WatchSaysAboveTheBarsThatTheConnectionIsLost) {
  Process process(With({"watch", "j1", "--no-color"}), Process::Stdout::kTerminal);
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 50));
  EXPECT_TRUE(process.AwaitOutput("50%"));
  stream->Finish(MakeFailure(grpc::StatusCode::UNAVAILABLE, "bye", "SHUTTING_DOWN"));
  EXPECT_TRUE(
      process.AwaitOutput("jobstatus: the service at " + service_.target() + " is going down; trying again\r\n"));
  EXPECT_TRUE(process.AwaitOutput("trying again\r\n\x1b[?25lj1      processing"));
  EXPECT_EQ(service_.NextWatch()->request().after_revision(), 1U);
}

TEST_F(OnATerminal, ManyJobsFillNoMoreThanTheScreen) {
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse&) { return grpc::Status::OK; };
  Process process(With({"watch"}), Process::Stdout::kTerminal);
  const auto stream = service_.NextWatch();
  for (int i = 1; i <= 1'000; ++i) {
    JobStatus status = MakeQueued("job-" + std::to_string(i), i, 1'000);
    status.set_revision(static_cast<std::uint64_t>(i));
    stream->Send(status);
  }
  EXPECT_TRUE(process.AwaitOutput("… and 978 more queued"));
}

TEST_F(OnATerminal, TheServiceCannotSendControlSequences) {
  Process process(With({"watch", "j1", "--no-color"}), Process::Stdout::kTerminal);
  const auto stream = service_.NextWatch();
  JobStatus status = MakeFailed("j1");
  status.set_message("\x1b]0;owned\x07\x1b[5m");
  status.mutable_error()->set_message("\x1b[5m");
  stream->Send(status);
  stream->Finish(grpc::Status::OK);
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.output(),
              AllOf(Not(HasSubstr("\x1b]")), Not(HasSubstr("\x1b[5m")), HasSubstr("\\x1b]0;owned\\x07")));
}

TEST_F(OnATerminal, ADumbOneGetsPlainLines) {
  Process process(With({"watch", "j1"}), Process::Stdout::kTerminal, {"TERM=dumb"});
  const auto stream = service_.NextWatch();
  stream->Send(MakeProcessing("j1", 50));
  EXPECT_TRUE(process.AwaitOutput("j1 processing 50% KSampler 12/20"));
  EXPECT_THAT(process.output(), Not(HasSubstr("\x1b")));
}

TEST_F(OnATerminal, GetShowsTheJobWithoutHidingTheCursor) {
  service_.get_status = [](const GetStatusRequest&, GetStatusResponse& response) {
    *response.mutable_status() = MakeProcessing("j1", 50);
    return grpc::Status::OK;
  };
  Process process(With({"get", "j1"}), Process::Stdout::kTerminal, {"NO_COLOR=1"});
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(),
              AllOf(HasSubstr("j1  processing  "), HasSubstr(" 50%  KSampler 12/20"), Not(HasSubstr("\x1b"))));
}

TEST_F(OnATerminal, ListIsColoredAndCutToTheWidth) {
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse& response) {
    JobStatus failed = MakeFailed("j1");
    failed.set_message("failed in VAEDecode: " + std::string(200, 'x'));
    *response.add_statuses() = failed;
    return grpc::Status::OK;
  };
  Process process(With({"list", "--backend", "gpu"}), Process::Stdout::kTerminal);
  EXPECT_EQ(process.Wait(), 0);
  EXPECT_THAT(process.output(),
              HasSubstr("\r\nj1   \x1b[31mfailed  \x1b[0m-     in VAEDecode: " + std::string(79 - 33, 'x') + "\r\n"));
  EXPECT_THAT(process.output(), Not(HasSubstr(kHideCursor)));
}

TEST_F(OnATerminal, ListSaysWhatThereIsNoneOf) {
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse&) { return grpc::Status::OK; };
  service_.list_backends = [](const ListBackendsRequest&, ListBackendsResponse&) { return grpc::Status::OK; };
  const auto list = [&](std::vector<std::string> filter) {
    filter.insert(filter.begin(), "list");
    Process process(With(filter), Process::Stdout::kTerminal);
    EXPECT_EQ(process.Wait(), 0);
    return process.output();
  };
  EXPECT_EQ(list({}), "No jobs.\r\n");
  EXPECT_EQ(list({"--state", "lost"}), "No lost jobs.\r\n");
  EXPECT_EQ(list({"--state", "completed,failed,lost", "--backend", "gpu\x1b[2J"}),
            "No completed, failed or lost jobs at gpu\\x1b[2J.\r\n");
}

}  // namespace
}  // namespace jobstatus
