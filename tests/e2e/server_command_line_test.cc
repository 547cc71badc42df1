#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

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
    const Ended ended = RunServer({"--listen", address});
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
      {"--max-body-bytes", "1"},
      {"--max-finished-jobs", "-5"},
      {"--log-level", "loud"},
      {"--listen", "127.0.0.1:99999"},
      {"--no-such-flag"},
  };
  for (const Arguments& arguments : wrong) {
    const Ended ended = RunServer(arguments);
    EXPECT_EQ(ended.exit_code, 2) << arguments.back() << ended.err;
    EXPECT_THAT(ended.err, HasSubstr(arguments[0])) << arguments.back();
  }
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
