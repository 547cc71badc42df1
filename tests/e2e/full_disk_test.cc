#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <optional>

#include "e2e/programs.h"
#include "e2e/small_disk.h"
#include "fakes/fake_comfy.h"

namespace e2e {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    disk = SmallDisk::Make();
    if (!disk) GTEST_SKIP() << "this user may not mount a file system in a namespace, so no disk can be filled";
  }
  void StartService() {
    service.reset();
    service.emplace(Arguments{"gpu=" + comfy.url()}, Arguments{}, "127.0.0.1:0", disk->directory() + "/state",
                    disk->runner());
  }
  Ended StartInVain() {
    Arguments command = disk->runner();
    command.insert(command.end(), {"timeout", "10", JOBSTATUS_SERVER, "--listen", "127.0.0.1:0", "--state-dir",
                                   disk->directory() + "/state"});
    return RunToEnd(command);
  }
  std::string Get(const std::string& id) { return RunToEnd(service->Command({"get", id})).out; }
  std::string EndOne() {
    const std::string id = comfy.Submit().prompt_id;
    jobstatus::Process wait(service->Command({"watch", "--wait-for-job", "10s", id}));
    comfy.StartNext();
    comfy.FinishError({.exception_message = "boom"});
    EXPECT_EQ(wait.Wait(), 1) << wait.error();
    comfy.DeleteHistory(id);
    return id;
  }

  fakes::FakeComfy comfy;
  std::unique_ptr<SmallDisk> disk;
  std::optional<Service> service;
};

TEST_F(FullDisk, DoesNotKeepAnybodyFromBeingToldAndWhatWasMissedIsWrittenOnceThereIsRoom) {
  StartService();
  const std::string before = EndOne();
  disk->Fill();
  std::vector<std::string> missed;
  for (int i = 0; i < 30; ++i) missed.push_back(EndOne());  // more than fits what was allocated before
  EXPECT_TRUE(service->process().AwaitError("database or disk is full"));
  EXPECT_THAT(service->process().error(), HasSubstr("the archive cannot be written"));
  EXPECT_THAT(Get(missed.back()), HasSubstr("boom"));
  EXPECT_THAT(Get(before), HasSubstr("boom"));
  disk->Free();
  EXPECT_TRUE(service->process().AwaitError("the archive can be written again"));
  service->process().Signal(SIGKILL);
  StartService();
  EXPECT_THAT(Get(before), HasSubstr("boom"));
  for (const std::string& id : missed) EXPECT_THAT(Get(id), HasSubstr("boom"));
}

TEST_F(FullDisk, AServiceThatCannotWriteToItDoesNotStartAndSaysWhatToDo) {
  StartService();
  EndOne();
  service->process().Signal(SIGKILL);
  service.reset();
  disk->Fill();
  const Ended ended = StartInVain();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err,
              AllOf(HasSubstr(disk->directory()), HasSubstr("make room there"), HasSubstr("--state-dir=none")));
  disk->Free();
  StartService();
}

TEST_F(FullDisk, AServiceThatHasNoRoomAtItsFirstStartSaysSo) {
  disk->Fill();
  const Ended ended = StartInVain();
  EXPECT_EQ(ended.exit_code, 1);
  EXPECT_THAT(ended.err, AnyOf(HasSubstr("make room there"), HasSubstr("No space left on device")));
}

TEST_F(FullDisk, AServiceThatRunsOutOfRoomEndsWellAllTheSame) {
  StartService();
  disk->Fill();
  for (int i = 0; i < 30; ++i) EndOne();
  service->process().Signal(SIGTERM);
  EXPECT_EQ(service->process().Wait(), 0);
}

}  // namespace
}  // namespace e2e
