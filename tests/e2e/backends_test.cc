#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "e2e/programs.h"

namespace e2e {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

// One backend is well, one is dead and one is frozen: its kernel still takes connections, and nothing answers.
class ThreeBackends : public testing::Test {
 protected:
  ThreeBackends() { frozen.process().Signal(SIGSTOP); }
  Ended Jobstatus(const Arguments& arguments) const { return RunToEnd(service.Command(arguments)); }

  Comfy well;
  Comfy frozen;
  Service service{{"well=" + well.url(), "dead=http://127.0.0.1:1", "frozen=" + frozen.url()},
                  {"--answer-timeout", "200ms", "--lookup-patience", "200ms"}};
};

TEST_F(ThreeBackends, TheJobsOfTheOneThatIsWellAreTold) {
  const std::string id = Submit(well.url());
  const Ended waited = Jobstatus({"wait", "--wait-for-job", "10s", id});
  EXPECT_EQ(waited.exit_code, 0) << waited.err;
  EXPECT_THAT(waited.out, HasSubstr(id + " completed"));
}

TEST_F(ThreeBackends, AreToldApart) {
  const std::string id = Submit(well.url());
  ASSERT_EQ(Jobstatus({"wait", "--wait-for-job", "10s", id}).exit_code, 0);
  EXPECT_EQ(Jobstatus({"--backend", "frozen", "get", "x"}).exit_code, 5);  // by now the frozen one was given up
  const std::string told = Jobstatus({"--json", "backends"}).out;
  EXPECT_THAT(told, ContainsRegex(R"("name":"well",[^}]*"reachable":true,[^}]*"comfyuiVersion":"0.33.0")"));
  EXPECT_THAT(told, ContainsRegex(R"("name":"dead",[^}]*"lastError":"Failed to connect)"));
  EXPECT_THAT(told, ContainsRegex(R"("name":"frozen",[^}]*"lastError":"Operation timed out)"));
}

TEST_F(ThreeBackends, MakeAnUnknownJobUnavailableRatherThanNotFound) {
  EXPECT_EQ(Jobstatus({"get", "x"}).exit_code, 5);
  EXPECT_EQ(Jobstatus({"--backend", "well", "get", "x"}).exit_code, 4);
}

TEST_F(ThreeBackends, AFrozenOneThatThawsIsBack) {
  EXPECT_EQ(Jobstatus({"--backend", "frozen", "get", "x"}).exit_code, 5);
  frozen.process().Signal(SIGCONT);
  const std::string id = Submit(frozen.url());
  const Ended waited = Jobstatus({"--backend", "frozen", "wait", "--wait-for-job", "20s", id});
  EXPECT_EQ(waited.exit_code, 0) << waited.err;
}

}  // namespace
}  // namespace e2e
