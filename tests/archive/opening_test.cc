#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "archive/opening.h"
#include "archive/played_board.h"

namespace archive_test {
namespace {

using namespace std::chrono_literals;
using jobs::JobState;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class OpeningTest : public WithArchive {
 protected:
  static unsigned Mode(const std::filesystem::path& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }
  void Execute(const std::string& sql) {
    sqlite3* connection = nullptr;
    sqlite3_open(database().c_str(), &connection);
    ASSERT_EQ(sqlite3_exec(connection, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection);
    sqlite3_close(connection);
  }
  void OverwriteDatabase(std::size_t at, const std::string& with) {
    std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << with;
  }
};

TEST_F(OpeningTest, MakesADirectoryAndFilesThatAreOnlyForTheOwner) {
  const mode_t before = umask(0);
  directory = scratch / "new" / "state";
  EXPECT_EQ(Open(), "");
  Start();
  Write({Status("x", JobState::kCompleted, 1)});
  umask(before);
  EXPECT_EQ(Mode(directory), 0700u);
  for (const char* name : {"archive.db", "archive.db-wal", "archive.db-shm", "lock"})
    EXPECT_EQ(Mode(directory / name), 0600u) << name;
}

TEST_F(OpeningTest, MakesADirectoryThatIsNamedWithASlashBehind) {
  directory = (scratch / "new" / "state").string() + "/";
  EXPECT_EQ(Open(), "");
  EXPECT_EQ(Mode(directory), 0700u);
}

TEST_F(OpeningTest, MakesADirectoryBelowTheOneItIsIn) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(scratch);
  directory = "state";
  EXPECT_EQ(Open(), "");
  std::filesystem::current_path(before);
  EXPECT_EQ(Mode(scratch / "state"), 0700u);
}

TEST_F(OpeningTest, RefusesAFileThatCannotHaveAWriteAheadLog) {
  auto temporary = archive::Connection::Open("", archive::Connection::Access::kReadWrite);
  ASSERT_TRUE(temporary);
  const auto configured = archive::Configure(*temporary);
  ASSERT_FALSE(configured);
  EXPECT_THAT(configured.error().detail, HasSubstr("write-ahead log"));
}

TEST_F(OpeningTest, TightensAFileThatOthersCouldRead) {
  ASSERT_EQ(Open(), "");
  archive.reset();
  chmod(database().c_str(), 0644);
  EXPECT_EQ(Open(), "");
  EXPECT_EQ(Mode(database()), 0600u);
}

TEST_F(OpeningTest, RefusesADirectoryThatOthersCanWriteTo) {
  mkdir(directory.c_str(), 0700);
  chmod(directory.c_str(), 0777);
  EXPECT_THAT(Open(), AllOf(HasSubstr(directory.string()), HasSubstr("can be written to by other users"),
                            HasSubstr("chmod go-w")));
}

TEST_F(OpeningTest, RefusesADirectoryOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a directory away";
  mkdir(directory.c_str(), 0755);
  ASSERT_EQ(chown(directory.c_str(), 12345, 12345), 0);
  EXPECT_THAT(Open(), HasSubstr(directory.string() + " belongs to another user"));
}

TEST_F(OpeningTest, SaysWhoHoldsADirectoryThatIsInUse) {
  ASSERT_EQ(Open(), "");
  const auto first = std::move(archive);
  EXPECT_THAT(Open(),
              AllOf(HasSubstr("is in use by another jobstatus-server (process " + std::to_string(getpid()) + ")"),
                    HasSubstr("--state-dir")));
}

TEST_F(OpeningTest, ADirectoryIsFreeOnceItsHolderIsGone) {
  ASSERT_EQ(Open(), "");
  EXPECT_EQ(Open(), "") << "the first was let go before";
}

TEST_F(OpeningTest, RefusesWhatIsNoDirectoryOrNoFile) {
  std::ofstream(directory) << "x";
  EXPECT_THAT(Open(), HasSubstr("is no directory"));
  std::filesystem::remove(directory);
  std::filesystem::create_directories(directory / "archive.db");
  EXPECT_THAT(Open(), HasSubstr("cannot write to " + database().string() + ": Is a directory"));
}

TEST_F(OpeningTest, DoesNotFollowALinkInPlaceOfTheDatabase) {
  std::filesystem::create_directories(directory);
  std::ofstream(scratch / "precious") << "x";
  std::filesystem::create_symlink(scratch / "precious", database());
  EXPECT_THAT(Open(), HasSubstr("cannot write to " + database().string()));
}

TEST_F(OpeningTest, RefusesAFileThatIsNoDatabase) {
  std::filesystem::create_directories(directory);
  std::ofstream(database()) << std::string(8192, 'x');
  EXPECT_THAT(Open(), AllOf(HasSubstr(database().string() + " cannot be used: file is not a database"),
                            HasSubstr("move the file away"), HasSubstr("--state-dir=none")));
}

TEST_F(OpeningTest, RefusesADatabaseThatIsDamaged) {
  ASSERT_EQ(Open(), "");
  Start();
  Write({Status("x", JobState::kQueued)});
  archive.reset();
  OverwriteDatabase(100, std::string(3000, '\xff'));  // the first page behind its header: what tables there are
  EXPECT_THAT(Open(), AllOf(HasSubstr("malformed"), HasSubstr("move the file away")));
}

TEST_F(OpeningTest, RefusesTheDatabaseOfAnotherProgram) {
  std::filesystem::create_directories(directory);
  Execute("CREATE TABLE songs (name)");
  EXPECT_THAT(Open(), HasSubstr("the database of another program"));
}

TEST_F(OpeningTest, RefusesASchemaOfALaterVersionAndLeavesItAlone) {
  ASSERT_EQ(Open(), "");
  archive.reset();
  Execute("PRAGMA user_version = 99");
  EXPECT_THAT(Open(), HasSubstr("a later version of jobstatus-server wrote it (schema 99; this one knows 1)"));
  EXPECT_THAT(Open(), HasSubstr("schema 99"));
}

TEST_F(OpeningTest, AFailedMigrationLeavesNothingBehind) {
  std::filesystem::create_directories(directory);
  Execute("PRAGMA application_id = " + std::to_string(0x4a6f6253) + "; CREATE TABLE verdicts (x)");
  EXPECT_THAT(Open(), HasSubstr("already exists"));
  Execute("DROP TABLE verdicts");
  EXPECT_EQ(Open(), "");
}

TEST_F(OpeningTest, RefusesADirectoryItCannotWriteTo) {
  if (geteuid() == 0) {
    directory = "/proc/nothing/state";  // root may write anywhere else
    EXPECT_THAT(Open(), AllOf(HasSubstr("cannot create /proc/nothing"), HasSubstr("--state-dir=none")));
    return;
  }
  mkdir(directory.c_str(), 0500);
  EXPECT_THAT(Open(), AllOf(HasSubstr("Permission denied"), HasSubstr("--state-dir=none")));
}

TEST_F(OpeningTest, SaysWhichDirectoryAboveCannotBeMadeAndWhy) {
  directory = "/sys/nothing/state";  // not even root may
  EXPECT_THAT(Open(), AllOf(HasSubstr("cannot create /sys/nothing: "), Not(HasSubstr("No such file"))));
}

TEST_F(OpeningTest, ABackendThatIsConfiguredNoMoreIsNamedAsLongAsThereIsSomethingOfIt) {
  const std::vector<jobs::BackendName> both = {{"gpu", "http://gpu"}, {"old", "http://old"}};
  ASSERT_EQ(Open(both), "");
  Start();
  Write({Status("x", JobState::kCompleted, 10, "old"), Status("y", JobState::kQueued, 0, "old")});
  ASSERT_EQ(Open(), "");
  EXPECT_THAT(archive->remembered().former_backends, ElementsAre("old"));
  EXPECT_THAT(Ids(ListAll({.backend = "old", .limit = 10})), ElementsAre("x"));
  EXPECT_EQ(archive->remembered().unfinished.at(0).backend, "old");

  archive.reset();
  Execute("DELETE FROM verdicts; DELETE FROM unfinished");
  ASSERT_EQ(Open(), "");
  EXPECT_THAT(archive->remembered().former_backends, IsEmpty());
}

TEST_F(OpeningTest, ABackendThatIsRenamedTakesItsJobsAlong) {
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"other", "http://other"}}), "");
  Start();
  Write({Status("x", JobState::kCompleted, 10), Status("y", JobState::kQueued)});
  ASSERT_EQ(Open({{"big", "http://gpu"}, {"other", "http://other"}}), "");
  EXPECT_THAT(archive->remembered().former_backends, IsEmpty());
  EXPECT_EQ(FindAll("x").value().at(0)->backend, "big");
  EXPECT_EQ(archive->remembered().unfinished.at(0).backend, "big");
}

TEST_F(OpeningTest, ABackendThatMovesKeepsItsJobsByItsName) {
  ASSERT_EQ(Open(), "");
  Start();
  Write({Status("x", JobState::kCompleted, 10)});
  ASSERT_EQ(Open({{"gpu", "http://elsewhere"}}), "");
  EXPECT_EQ(FindAll("x").value().at(0)->backend, "gpu");
  ASSERT_EQ(Open({{"gpu", "http://elsewhere"}, {"new", "http://gpu"}}), "") << "the old address is not its any more";
  EXPECT_EQ(FindAll("x").value().at(0)->backend, "gpu");
}

TEST_F(OpeningTest, ASecondNameForOneServerIsNoRenaming) {
  ASSERT_EQ(Open(), "");
  Start();
  Write({Status("x", JobState::kCompleted, 10)});
  ASSERT_EQ(Open({{"gpu", "http://gpu"}, {"alias", "http://gpu"}}), "");
  EXPECT_EQ(FindAll("x").value().at(0)->backend, "gpu");
}

}  // namespace
}  // namespace archive_test
