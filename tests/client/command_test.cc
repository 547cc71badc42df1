// The command run as a process, calls that end at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <future>

#include "client/process.h"
#include "client/scripted_service.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class Command : public testing::Test {
 protected:
  // Runs it to its end; what it printed is in out_ and err_.
  int Run(std::vector<std::string> arguments, const std::vector<std::string>& environment = {}) {
    arguments.insert(arguments.begin(), {"--server", service_.target()});
    Process process(arguments, Process::Stdout::kPipe, environment);
    const int code = process.Wait();
    out_ = process.output();
    err_ = process.error();
    return code;
  }

  void Answer(JobStatus status) {
    service_.get_status = [status = std::move(status)](const GetStatusRequest&, GetStatusResponse& response) {
      *response.mutable_status() = status;
      return grpc::Status::OK;
    };
  }

  void Refuse(const grpc::Status& status) {
    service_.get_status = [status](const GetStatusRequest&, GetStatusResponse&) { return status; };
  }

  void ServeBackends(const std::vector<std::string>& names) {
    service_.list_backends = [names](const ListBackendsRequest&, ListBackendsResponse& response) {
      for (const std::string& name : names) response.add_backends()->set_name(name);
      return grpc::Status::OK;
    };
  }

  ScriptedService service_;
  std::string out_;
  std::string err_;
};

TEST_F(Command, GetPrintsOneLineAndExitsByTheJobsState) {
  Answer(MakeProcessing("j1", 40));
  EXPECT_EQ(Run({"get", "j1"}), 0);
  EXPECT_EQ(out_, "2023-11-14T22:13:20.250Z j1 processing 40% KSampler 12/20\n");
  EXPECT_THAT(err_, IsEmpty());
  Answer(MakeCompleted("j1"));
  EXPECT_EQ(Run({"get", "j1"}), 0);
  EXPECT_THAT(out_, HasSubstr("\n  output images: ComfyUI_00001_.png  http://gpu:8188/view?"));
  Answer(MakeFailed("j1"));
  EXPECT_EQ(Run({"get", "j1"}), 1);
  EXPECT_THAT(out_, HasSubstr("\n  error in VAEDecode (node 8): torch.cuda.OutOfMemoryError: out of memory\n"));
  Answer(MakeStatus("j1", JOB_STATE_CANCELLED));
  EXPECT_EQ(Run({"get", "j1"}), 3);
  Answer(MakeStatus("j1", JOB_STATE_LOST));
  EXPECT_EQ(Run({"get", "j1"}), 3);
}

TEST_F(Command, GetPrintsJsonWithJson) {
  Answer(MakeFailed("日本"));
  EXPECT_EQ(Run({"get", "日本", "--json"}), 1);
  EXPECT_THAT(out_, StartsWith(R"({"jobId":"日本","backend":"gpu","state":"JOB_STATE_FAILED",)"));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 1);
}

TEST_F(Command, GetOfSeveralJobsExitsWithTheWorst) {
  service_.get_status = [](const GetStatusRequest& request, GetStatusResponse& response) {
    if (request.job_id() == "none")
      return MakeFailure(grpc::StatusCode::NOT_FOUND, "no such job", "JOB_NOT_FOUND", {{"job_id", "none"}});
    *response.mutable_status() = MakeFailed(request.job_id());
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"get", "j1", "none", "j2"}), 4);
  EXPECT_THAT(out_, AllOf(HasSubstr(" j1 failed "), HasSubstr(" j2 failed ")));
  EXPECT_THAT(err_, StartsWith("jobstatus: no ComfyUI server has a job none. "));
}

TEST_F(Command, EachKindOfErrorHasItsExitCode) {
  Refuse(MakeFailure(grpc::StatusCode::UNAVAILABLE, "connection refused", "BACKEND_UNREACHABLE", {{"backend", "gpu"}}));
  EXPECT_EQ(Run({"get", "j1"}), 5);
  EXPECT_THAT(err_, HasSubstr("ComfyUI gpu cannot be reached (connection refused)"));
  Refuse(MakeFailure(grpc::StatusCode::INTERNAL, "not JSON", "BACKEND_BAD_RESPONSE"));
  EXPECT_EQ(Run({"get", "j1"}), 7);
  Refuse(MakeFailure(grpc::StatusCode::INVALID_ARGUMENT, "job_id is too long", "INVALID_ARGUMENT"));
  EXPECT_EQ(Run({"get", "j1"}), 2);
  EXPECT_EQ(Run({"wait"}), 2);
  EXPECT_EQ(Run({"watch", "--min-interval", "5"}), 2);
  EXPECT_THAT(err_, HasSubstr("has no unit; write a duration like 500ms"));
  EXPECT_EQ(Run({"get", "\xff"}), 2);
  EXPECT_EQ(Run({"list", "--state", "done"}), 2);
  EXPECT_EQ(Run({"list", "--limit", "0"}), 2);
  EXPECT_EQ(Run({"--tls", "--ca", "/no/such/file", "backends"}), 2);
}

TEST_F(Command, ThatReachesNobodyExitsWithFiveAndSaysWhatToDo) {
  service_.Stop();
  for (const char* const command : {"get", "watch", "wait"}) {
    EXPECT_EQ(Run({command, "j1"}), 5);
    EXPECT_EQ(err_, "jobstatus: cannot reach the job status service at " + service_.target() +
                        " (connection refused). Is it running? Start it with jobstatus-server, or name another with "
                        "--server.\n");
  }
  EXPECT_EQ(Run({"watch"}), 5);
  EXPECT_EQ(Run({"backends"}), 5);
}

TEST_F(Command, HealthOfAServerWithoutAHealthServiceIsAnError) {
  EXPECT_EQ(Run({"health"}), 7);
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_THAT(err_, HasSubstr("is not the job status service, or is an older one"));
}

TEST_F(Command, TakesServerAndTokenFromTheEnvironment) {
  service_.token = "s3cret";
  service_.list_backends = [](const ListBackendsRequest&, ListBackendsResponse&) { return grpc::Status::OK; };
  Process process({"backends"}, Process::Stdout::kPipe,
                  {"JOBSTATUS_SERVER=" + service_.target(), "JOBSTATUS_TOKEN=s3cret"});
  EXPECT_EQ(process.Wait(), 0) << process.error();
  EXPECT_EQ(Run({"backends"}), 7);
  EXPECT_THAT(err_, HasSubstr("--token-file"));
}

TEST_F(Command, DoesNotCallInPlainTextWhenCertificatesAreNamed) {
  for (const char* const option : {"--ca", "--cert", "--key"}) {
    EXPECT_EQ(Run({option, "/dev/null", "backends"}), 2) << option;
    EXPECT_THAT(err_, testing::AllOf(HasSubstr(option), HasSubstr("--tls"))) << option;
  }
}

TEST_F(Command, TakesTheTokenFromAFile) {
  service_.token = "s3cret";
  service_.list_backends = [](const ListBackendsRequest&, ListBackendsResponse&) { return grpc::Status::OK; };
  const std::string path = testing::TempDir() + "/jobstatus-token-" + std::to_string(getpid());
  std::ofstream(path) << "s3cret\n";
  EXPECT_EQ(Run({"backends", "--token-file", path}, {"JOBSTATUS_TOKEN=wrong"}), 0) << err_;
  std::ofstream(path) << "# the server's own file\n\n  s3cret\r\nanother\n";
  EXPECT_EQ(Run({"backends", "--token-file", path}), 0) << err_;
  std::ofstream(path) << "# none\n";
  EXPECT_EQ(Run({"backends", "--token-file", path}, {"JOBSTATUS_TOKEN=s3cret"}), 2);
  EXPECT_THAT(err_, HasSubstr("no token in " + path));
  std::remove(path.c_str());
  EXPECT_EQ(Run({"backends", "--token-file", path}), 2);
}

TEST_F(Command, ListAsksForStatesAndReadsPagesUpToItsLimit) {
  std::vector<ListStatusesRequest> requests;
  service_.list_statuses = [&](const ListStatusesRequest& request, ListStatusesResponse& response) {
    requests.push_back(request);
    for (int i = 0; i < 2; ++i) *response.add_statuses() = MakeFailed("j" + std::to_string(requests.size()));
    response.set_next_page_token("page " + std::to_string(requests.size() + 1));
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"list", "--state", "failed,lost", "--limit", "3", "--backend", "gpu", "--json"}), 0);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_THAT(requests[0].states(), testing::ElementsAre(JOB_STATE_FAILED, JOB_STATE_LOST));
  EXPECT_EQ(requests[0].backend(), "gpu");
  EXPECT_EQ(requests[0].page_size(), 3);
  EXPECT_EQ(requests[1].page_token(), "page 2");
}

TEST_F(Command, ListPrintsATable) {
  ServeBackends({"gpu"});
  service_.list_statuses = [](const ListStatusesRequest& request, ListStatusesResponse& response) {
    EXPECT_EQ(request.page_size(), 50);
    *response.add_statuses() = MakeProcessing("日本", 40);
    *response.add_statuses() = MakeFailed("my job");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_EQ(out_,
            "JOB        STATE       WHEN  MESSAGE\n"
            "日本       processing  -     40% KSampler 12/20\n"
            "my\\x20job  failed      -     in VAEDecode: out of memory\n");
}

TEST_F(Command, ListNamesTheBackendsWhereTheServiceHasSeveral) {
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse& response) {
    *response.add_statuses() = MakeFailed("j1");
    return grpc::Status::OK;
  };
  ServeBackends({"gpu", "cpu"});
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(out_, StartsWith("JOB  BACKEND  STATE   WHEN  MESSAGE\nj1   gpu      failed  "));
  EXPECT_EQ(Run({"list", "--backend", "gpu"}), 0);
  EXPECT_THAT(out_, StartsWith("JOB  STATE   WHEN  MESSAGE\n"));
}

TEST_F(Command, ListNamesTheBackendsWhereTheJobsAreOfSeveral) {
  ServeBackends({"gpu"});
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse& response) {
    *response.add_statuses() = MakeFailed("j1");
    *response.add_statuses() = MakeFailed("j2");
    response.mutable_statuses(1)->set_backend("retired");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"list"}), 0);
  EXPECT_THAT(out_, HasSubstr("\nj2   retired  failed  "));
}

TEST_F(Command, ListOfNothingIsItsHeaderInAPipe) {
  ServeBackends({"gpu"});
  service_.list_statuses = [](const ListStatusesRequest&, ListStatusesResponse&) { return grpc::Status::OK; };
  EXPECT_EQ(Run({"list", "--state", "lost"}), 0);
  EXPECT_EQ(out_, "JOB  STATE  WHEN  MESSAGE\n");
  EXPECT_EQ(Run({"list", "--json"}), 0);
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(Command, ListOfAllReadsPagesToTheLastOne) {
  ServeBackends({"gpu"});
  int pages = 0;
  service_.list_statuses = [&](const ListStatusesRequest&, ListStatusesResponse& response) {
    for (int i = 0; i < 200; ++i) *response.add_statuses() = MakeFailed("j" + std::to_string(i));
    if (++pages < 4) response.set_next_page_token("more");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"list", "--all"}), 0);
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 801);
  EXPECT_EQ(Run({"list", "--all", "--limit", "3"}), 2);
}

TEST_F(Command, ListReadsSmallerPagesWhereTheyGetTooLong) {
  ServeBackends({"gpu"});
  std::vector<int> sizes;
  service_.list_statuses = [&](const ListStatusesRequest& request, ListStatusesResponse& response) {
    sizes.push_back(request.page_size());
    // What gRPC says at the caller's end.
    if (request.page_size() > 500) return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "larger than max");
    *response.add_statuses() = MakeFailed("j" + std::to_string(sizes.size()));
    if (sizes.size() == 2) response.set_next_page_token("more");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"list", "--all"}), 0);
  EXPECT_THAT(sizes, testing::ElementsAre(1'000, 500, 500));
  EXPECT_EQ(std::count(out_.begin(), out_.end(), '\n'), 3);
}

TEST_F(Command, ListPrintsAPageBeforeItAsksForTheNext) {
  ServeBackends({"gpu"});
  std::promise<void> printed;
  const std::shared_future<void> is_printed = printed.get_future().share();
  service_.list_statuses = [&](const ListStatusesRequest& request, ListStatusesResponse& response) {
    if (!request.page_token().empty()) {
      is_printed.wait();
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "Connection refused");
    }
    *response.add_statuses() = MakeFailed("first");
    response.set_next_page_token("more");
    return grpc::Status::OK;
  };
  Process process({"--server", service_.target(), "list", "--limit", "100000"});
  EXPECT_TRUE(process.AwaitOutput("first"));
  printed.set_value();
  EXPECT_EQ(process.Wait(), 5) << "what was printed is not all";
}

TEST_F(Command, ThatIsNoneIsNamedAndTheNearestSuggested) {
  EXPECT_EQ(Run({"bogus"}), 2);
  EXPECT_THAT(err_, StartsWith("\"bogus\" is not a command; there are get, watch, wait, list, backends and health\n"));
  EXPECT_EQ(Run({"--json", "wtach", "j1"}), 2);
  EXPECT_THAT(err_, StartsWith("\"wtach\" is not a command; did you mean \"watch\"?\n"));
  EXPECT_EQ(Run({"\x1b[2J"}), 2);
  EXPECT_THAT(err_, StartsWith("\"\\x1b[2J\" is not a command; "));
  EXPECT_EQ(Run({"--bogus"}), 2);
  EXPECT_THAT(err_, StartsWith("\"--bogus\" is not an option\n"));
  EXPECT_EQ(Run({}), 2);
  EXPECT_THAT(err_, StartsWith("a command is missing; there are get, "));
}

TEST_F(Command, RefusesAnEmptyJobId) {
  for (const char* const command : {"get", "watch", "wait"}) {
    EXPECT_EQ(Run({command, "j1", ""}), 2);
    EXPECT_THAT(err_, StartsWith("JOB_ID: \"\" is not a job; is a variable empty?\n"));
  }
}

TEST_F(Command, BackendsTellsWhoAnswers) {
  service_.list_backends = [](const ListBackendsRequest&, ListBackendsResponse& response) {
    Backend& up = *response.add_backends();
    up.set_name("gpu 1");
    up.set_url("http://gpu:8188");
    up.set_reachable(true);
    up.set_running(1);
    up.set_pending(3);
    up.set_comfyui_version("0.3.64");
    Backend& down = *response.add_backends();
    down.set_name("old");
    down.set_url("http://old:8188");
    down.set_last_error("connection refused\x1b[2J");
    return grpc::Status::OK;
  };
  EXPECT_EQ(Run({"backends"}), 0);
  EXPECT_EQ(out_,
            "gpu\\x201: reachable, 1 running, 3 waiting, ComfyUI 0.3.64, no live progress  http://gpu:8188\n"
            "old: unreachable: connection refused\\x1b[2J  http://old:8188\n");
}

TEST_F(Command, HelpTeachesCommandsAndExitCodes) {
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("Examples:"), HasSubstr("Exit codes:"), HasSubstr("    6  not finished"),
                          HasSubstr("JOBSTATUS_SERVER"), HasSubstr("watch ")));
  EXPECT_EQ(Run({"--version"}), 0);
  EXPECT_THAT(out_, StartsWith("jobstatus "));
}

TEST_F(Command, SaysWhenItsOutputCannotBeWritten) {
  Answer(MakeCompleted("j1"));
  const std::string shell = "'" JOBSTATUS_BINARY "' --server " + service_.target() + " get j1 > /dev/full 2>/dev/null";
  const int status = std::system(shell.c_str());
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace jobstatus
