#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "e2e/programs.h"

namespace e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

Ended RunServer(Arguments arguments) {
  arguments.insert(arguments.begin(),
                   {"timeout", "3", JOBSTATUS_SERVER, "--state-dir=none"});  // one that serves after all ends with 0
  return RunToEnd(arguments);
}

TEST(ServerCommandLine, SaysWhichPortIsTaken) {
  const Service service({"http://127.0.0.1:1"});
  const Ended second = RunServer({"--listen", service.address()});
  EXPECT_EQ(second.exit_code, 1);
  EXPECT_THAT(second.err, HasSubstr("cannot listen on " + service.address()));
}

TEST(ServerCommandLine, SaysWhichAddressMakesNoSense) {
  for (const char* address : {"no-such-host.invalid:1", "unix:/no/such/folder/socket"}) {
    const Ended ended = RunServer({"--listen", address, "--insecure-listen"});
    EXPECT_EQ(ended.exit_code, 1) << address;
    EXPECT_THAT(ended.err, HasSubstr(address));
  }
}

TEST(ServerCommandLine, NamesTheFlagThatIsWrong) {
  const std::vector<Arguments> wrong = {
      {"--backend", "gpu"},
      {"--backend", "gpu=ftp://host"},
      {"--backend", "gpu=http://a", "--backend", "gpu=http://b"},
      {"--backend", "a b=http://host"},
      {"--backend", "gpu=http://host/?query"},
      {"--backend-token-file", "gpu9=/dev/null"},
      {"--backend-ca-file", "default=/no/such/file"},
      {"--poll-interval", "5"},
      {"--poll-interval", "0s"},
      {"--idle-interval", "-1s"},
      {"--safety-interval", "0s"},
      {"--live-progress", "perhaps"},
      {"--reflection", "perhaps"},
      {"--client-id", "gpu9=jobstatus-1"},
      {"--client-id", "default=mine"},
      {"--client-id", "default=jobstatus-"},
      {"--client-id", "default=jobstatus-a b"},
      {"--max-attached", "0"},
      {"--lookup-patience", "soon"},
      {"--answer-timeout", "0ms"},
      {"--heartbeat-interval", "0s"},
      {"--write-stall-limit", "0s"},
      {"--upstream-share", "0"},
      {"--upstream-share", "2"},
      {"--max-watches", "many"},
      {"--max-watches", "-1"},
      {"--max-ids-per-watch", "0"},
      {"--max-watches-per-peer", "0"},
      {"--max-lookups-per-second", "0"},
      {"--max-request-bytes", "1"},
      {"--max-calls-per-connection", "1"},
      {"--max-calls-per-connection", "1000"},
      {"--max-connection-age", "0s"},
      {"--max-connection-age", "8d"},
      {"--max-connection-age", "never"},
      {"--max-connection-age-grace", "8d"},
      {"--max-backend-memory", "1"},
      {"--max-body-bytes", "1"},
      {"--max-finished-jobs", "-5"},
      {"--log-level", "loud"},
      {"--listen", "127.0.0.1:99999"},
      {"--metrics-listen", "9464"},
      {"--metrics-listen", "127.0.0.1:99999"},
      {"--metrics-listen", "unix:/tmp/metrics"},
      {"--metrics-address-file", "/tmp/metrics"},
      {"--insecure-page"},
      {"--no-such-flag"},
  };
  for (const Arguments& arguments : wrong) {
    const Ended ended = RunServer(arguments);
    EXPECT_EQ(ended.exit_code, 2) << arguments.back() << ended.err;
    EXPECT_THAT(ended.err, HasSubstr(arguments[0])) << arguments.back();
  }
}

// A configuration file with this text, and what the server says of it.
Ended CheckFile(const std::string& text, Arguments more = {}) {
  const std::string file = FreshFile("config");
  std::ofstream(file) << text;
  more.insert(more.end(), {"--check-config", "--config", file});
  return RunServer(more);
}

TEST(ServerCommandLine, TakesSettingsFromAFileUnderTheNamesOfTheOptions) {
  const Ended checked = CheckFile(R"(
# two of them
backend = ["one=http://127.0.0.1:1", "two=http://127.0.0.1:2"]
poll-interval = "250ms"
attach = true
max-watches = 77
)");
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  for (const char* line :
       {R"(backend = ["one=http://127.0.0.1:1", "two=http://127.0.0.1:2"])", R"(poll-interval = "250ms")",
        R"(attach = "true")", R"(max-watches = "77")", R"(idle-interval = "1s")"})
    EXPECT_THAT(checked.out, HasSubstr(std::string("\n") + line + "\n"));
}

TEST(ServerCommandLine, WhatItSaysOfItsSettingsIsAConfigurationFileThatSaysTheSame) {
  const Ended first = CheckFile("listen = \"[::1]:50052\"\nbackend = \"http://127.0.0.1:1\"\n");
  ASSERT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(CheckFile(first.out).out, first.out);
}

TEST(ServerCommandLine, AnOptionWinsOverTheFileAndTheFileOverTheEnvironment) {
  const std::string file = FreshFile("config");
  std::ofstream(file) << "max-watches = 2\nmax-ids-per-watch = 2\n";
  const Ended ended =
      RunToEnd({"env", "JOBSTATUS_CONFIG=" + file, "JOBSTATUS_MAX_WATCHES=3", "JOBSTATUS_MAX_IDS_PER_WATCH=3",
                "JOBSTATUS_MAX_ATTACHED=3", JOBSTATUS_SERVER, "--max-watches", "1", "--check-config"});
  EXPECT_THAT(ended.out, HasSubstr("max-watches = \"1\""));
  EXPECT_THAT(ended.out, HasSubstr("max-ids-per-watch = \"2\""));
  EXPECT_THAT(ended.out, HasSubstr("max-attached = \"3\""));
}

TEST(ServerCommandLine, TakesALimitOfAPeerThatIsAboveTheOneOfAllButNoConnectionWithoutRoomForTheWatchesOfAPeer) {
  EXPECT_EQ(RunServer({"--max-watches", "500", "--max-calls-per-connection", "501", "--check-config"}).exit_code, 0);
  const Ended ended = RunServer({"--max-watches-per-peer", "2000", "--check-config"});
  EXPECT_EQ(ended.exit_code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--max-calls-per-connection: must be more than the 2000 watches"));
  const Ended none = CheckFile("max-connection-age = \"none\"\n");
  EXPECT_THAT(none.out, HasSubstr("max-connection-age = \"none\""));
}

TEST(ServerCommandLine, SaysWhatIsWrongInAFile) {
  const Ended unknown = CheckFile("pol-interval = \"1s\"\n");
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_EQ(unknown.err, "--config: there is no setting \"pol-interval\"; jobstatus-server --help names them\n");
  EXPECT_THAT(CheckFile("check-config = true\n").err, HasSubstr("no setting \"check-config\""));
  const Ended bad = CheckFile("poll-interval = 5\n");
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("--poll-interval: \"5\" is no duration"));
  const Ended missing = RunServer({"--config", "/no/such/file"});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_EQ(missing.err, "--config: cannot read /no/such/file\n");
}

TEST(ServerCommandLine, DoesNotRepeatWhatMayBeAPasswordInTheWrongPlace) {
  for (const char* line : {"http://me:hunter22@host", "gpu=http://me:hunter22@host", "hunter22", "backend hunter22"}) {
    const Ended file = CheckFile(std::string(line) + "\n");
    EXPECT_EQ(file.exit_code, 2) << line;
    EXPECT_THAT(file.err, testing::AllOf(HasSubstr("--config"), Not(HasSubstr("hunter22")))) << line;
    const Ended argument = RunServer({"--check-config", line});
    EXPECT_EQ(argument.exit_code, 2) << line;
    EXPECT_THAT(argument.err, testing::AllOf(HasSubstr("belongs to no option"), Not(HasSubstr("hunter22")))) << line;
  }
  EXPECT_EQ(RunServer({"--token=hunter22"}).err, "there is no option --token; jobstatus-server --help names them\n");
  EXPECT_THAT(RunToEnd({"env", "JOBSTATUS_BACKENDS=gpu=http://me:hunter22@host", JOBSTATUS_SERVER, "--help"}).out,
              testing::AllOf(HasSubstr("JOBSTATUS_BACKENDS"), Not(HasSubstr("hunter22"))));
}

TEST(ServerCommandLine, ShowsNoPasswordInItsSettings) {
  const Arguments secret = {"--backend", "gpu=http://me:hunter22@127.0.0.1:1"};
  EXPECT_THAT(CheckFile("", secret).out, Not(HasSubstr("hunter22")));
  const Ended served = RunServer({"--listen", "127.0.0.1:0", "--log-format", "text", secret[0], secret[1]});
  EXPECT_THAT(served.err, HasSubstr("setting backend = \"gpu=http://127.0.0.1:1\""));
  EXPECT_THAT(served.err, Not(HasSubstr("hunter22")));
}

TEST(ServerCommandLine, TellsAnAddressFileThatCannotBeWritten) {
  const Ended ended = RunServer({"--listen", "127.0.0.1:0", "--address-file", "/no/such/folder/file"});
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, HasSubstr("/no/such/folder/file"));
}

TEST(ServerCommandLine, NeverTellsThePasswordsOfBackends) {
  Service service({"dead=http://user:s3cret@127.0.0.1:1", "gone=http://token:s3cret@no-such-host.invalid:8188/base"},
                  {"--log-level", "debug"});
  const std::string told = RunToEnd(service.Command({"--json", "backends"})).out;
  EXPECT_THAT(told, HasSubstr("http://127.0.0.1:1"));
  EXPECT_THAT(told, HasSubstr("http://no-such-host.invalid:8188/base"));
  EXPECT_THAT(told, Not(HasSubstr("s3cret")));
  EXPECT_THAT(RunToEnd(service.Command({"get", "x"})).err, Not(HasSubstr("s3cret")));
  service.process().Signal(SIGTERM);
  EXPECT_EQ(service.process().Wait(), 0);
  EXPECT_THAT(service.process().error(), HasSubstr("backend dead"));
  EXPECT_THAT(service.process().error(), Not(HasSubstr("s3cret")));
}

TEST(ServerCommandLine, NeverTellsThePasswordOfABackendItCannotUse) {
  for (const char* backend : {"HTTP://user:s3cret@host", "user:s3cret@host:8188", "gpu:http://user:s3cret@host",
                              "gpu=user:s3cret@host", "gpu=ftp://user:s3cret@host", "gpu=http://user:s3cret@host:port",
                              "gpu=http://user:s3cret@host?x", "http:/user:s3cret=@host"}) {
    const Ended ended = RunServer({"--listen", "unix:/no/such/folder/socket", "--backend", backend});
    EXPECT_THAT(ended.err, Not(HasSubstr("s3cret"))) << backend;
  }
}

TEST(ServerCommandLine, ListensUnderTheSameClientIdAfterARestartAndUnderAnotherAtEachBackend) {
  const auto client_ids = [](const std::string& log) {
    std::vector<std::string> ids;
    const std::string word = "client_id ";
    for (std::size_t at = log.find(word); at != std::string::npos; at = log.find(word, at + 1)) {
      const std::size_t begin = at + word.size();
      ids.push_back(log.substr(begin, log.find(' ', begin) - begin));
    }
    std::ranges::sort(ids);
    return ids;
  };
  const Comfy one;
  const Comfy two;
  const std::string listen = "unix:" + FreshFile("socket");
  std::vector<std::string> logs;
  for (int i = 0; i < 2; ++i) {
    Service service({"a=" + one.url(), "b=" + two.url()}, {}, listen);
    ASSERT_TRUE(service.process().AwaitError("a: live events are heard"));
    ASSERT_TRUE(service.process().AwaitError("b: live events are heard"));
    service.process().Signal(SIGTERM);
    EXPECT_EQ(service.process().Wait(), 0);
    logs.push_back(service.process().error());
  }
  const auto ids = client_ids(logs[0]);
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_NE(ids[0], ids[1]);
  EXPECT_EQ(client_ids(logs[1]), ids);
}

TEST(ServerCommandLine, ExplainsItself) {
  EXPECT_EQ(RunServer({"--help"}).exit_code, 0);
  EXPECT_THAT(RunServer({"--help"}).out, HasSubstr("--backend"));
  EXPECT_EQ(RunServer({"--version"}).exit_code, 0);
}

}  // namespace
}  // namespace e2e
