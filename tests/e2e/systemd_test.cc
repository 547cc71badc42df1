#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "e2e/notify_socket.h"
#include "e2e/programs.h"
#include "fakes/fake_comfy.h"

// What systemd hears from the service.
namespace e2e {
namespace {

using jobstatus::Process;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Systemd : public testing::Test {
 protected:
  Arguments Command(const Arguments& environment = {}) const {
    Arguments command = {"env", "NOTIFY_SOCKET=" + socket.path()};
    command.insert(command.end(), environment.begin(), environment.end());
    command.insert(command.end(), {JOBSTATUS_SERVER, "--listen", listen, "--state-dir=none", "--backend",
                                   "gpu=" + comfy.url(), "--idle-interval", "10ms", "--upstream-share", "1"});
    return command;
  }

  fakes::FakeComfy comfy;
  NotifySocket socket;
  const std::string listen = "unix:" + FreshFile("service");
};

TEST_F(Systemd, HearsThatTheServiceIsReadyOnceCallsAreTaken) {
  const Process service(Command());
  ASSERT_EQ(socket.Await("READY="), "READY=1");
  const Ended ended = RunToEnd({JOBSTATUS_COMMAND, "--server", listen, "health"});
  EXPECT_EQ(ended.exit_code, 0) << ended.err;
}

TEST_F(Systemd, HearsHowTheServiceIs) {
  const Process service(Command());
  EXPECT_EQ(socket.Await("STATUS=1 of 1 backends answering"),
            "STATUS=1 of 1 backends answering, 0 jobs running, 0 waiting");
  comfy.Submit();
  comfy.StartNext();
  comfy.Submit();
  EXPECT_FALSE(socket.Await("STATUS=1 of 1 backends answering, 1 jobs running, 1 waiting").empty());
}

TEST_F(Systemd, HearsWhenTheServiceReloads) {
  const Process service(Command());
  ASSERT_EQ(socket.Await("READY="), "READY=1");
  service.Signal(SIGHUP);
  EXPECT_THAT(socket.Await("RELOADING="), StartsWith("RELOADING=1\nMONOTONIC_USEC="));
  EXPECT_EQ(socket.Await("READY="), "READY=1");
}

TEST_F(Systemd, HearsWhenTheServiceEnds) {
  Process service(Command());
  ASSERT_EQ(socket.Await("READY="), "READY=1");
  service.Signal(SIGTERM);
  EXPECT_EQ(socket.Await("STOPPING="), "STOPPING=1");
  EXPECT_EQ(service.Wait(), 0);
  EXPECT_THAT(socket.read(), Not(Contains(StartsWith("WATCHDOG=")))) << "it did not ask for that";
}

TEST_F(Systemd, HearsThatTheServiceIsAliveWhenItWantsTo) {
  const Process service(Command({"WATCHDOG_USEC=100000"}));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(socket.Await("WATCHDOG="), "WATCHDOG=1");
}

TEST_F(Systemd, HearsNothingOfAServiceWhoseMainLoopStandsStill) {
  const std::string tokens = FreshFile("tokens");
  std::ofstream(tokens) << "a-token-of-this-test\n";
  Arguments command = Command({"WATCHDOG_USEC=100000"});
  command.insert(command.end(), {"--token-file", tokens});
  const Process service(command);
  ASSERT_EQ(socket.Await("WATCHDOG="), "WATCHDOG=1");
  // A pipe that nobody writes into: the main loop looks at the tokens, and waits.
  ASSERT_EQ(mkfifo((tokens + ".new").c_str(), 0600), 0);
  std::filesystem::rename(tokens + ".new", tokens);
  EXPECT_TRUE(socket.FallsSilent());
  std::ofstream(tokens) << "another-token-of-this-test\n";
  EXPECT_EQ(socket.Await("WATCHDOG="), "WATCHDOG=1");
}

TEST_F(Systemd, IsNotNeeded) {
  Service service({"gpu=" + comfy.url()});
  service.process().Signal(SIGTERM);
  EXPECT_EQ(service.process().Wait(), 0);
}

}  // namespace
}  // namespace e2e
