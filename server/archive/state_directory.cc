#include "archive/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace archive {
namespace {

std::unexpected<std::string> Cannot(const std::string& what, const std::filesystem::path& path, int error) {
  return std::unexpected("cannot " + what + " " + path.string() + ": " + std::strerror(error));
}

// One that others may write to could be given another database, or another file to overwrite.
std::expected<void, std::string> Prepare(const std::filesystem::path& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) == 0) {
    if (!S_ISDIR(info.st_mode)) return std::unexpected(path.string() + " is no directory");
    if (info.st_uid != geteuid() && info.st_uid != 0)
      return std::unexpected(path.string() + " belongs to another user; name a directory of this one");
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
      return std::unexpected(path.string() +
                             " can be written to by other users; try chmod go-w, or name a new directory below it");
    }
    return {};
  }
  std::error_code error;
  const std::filesystem::path above = path.parent_path();  // none: the one we are in
  if (!above.empty()) std::filesystem::create_directories(above, error);
  if (error) return Cannot("create", above, error.value());
  if (mkdir(path.c_str(), S_IRWXU) != 0) return Cannot("create", path, errno);
  return {};
}

// Takes the lock, which is held as long as the descriptor is open.
std::expected<int, std::string> Lock(const std::filesystem::path& file, const std::filesystem::path& directory) {
  const int lock = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (lock < 0) return Cannot("write to", file, errno);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    std::array<char, 32> holder{};
    const bool known = pread(lock, holder.data(), holder.size() - 1, 0) > 0;
    close(lock);
    if (error != EWOULDBLOCK) return Cannot("lock", file, error);
    return std::unexpected(directory.string() + " is in use by another jobstatus-server" +
                           (known ? " (process " + std::string(holder.data()) + ")" : "") +
                           "; give each its own --state-dir");
  }
  const std::string pid = std::to_string(getpid());
  // For the message above only, so it may fail.
  if (ftruncate(lock, 0) == 0) [[maybe_unused]]
    const auto written = pwrite(lock, pid.data(), pid.size(), 0);
  return lock;
}

std::expected<void, std::string> MakeDatabaseFile(const std::filesystem::path& file) {
  const int made = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
  if (made < 0) return Cannot("write to", file, errno);
  const bool ours_alone = fchmod(made, S_IRUSR | S_IWUSR) == 0;
  const int error = errno;
  close(made);
  if (!ours_alone) return Cannot("change the permissions of", file, error);
  return {};
}

}  // namespace

std::expected<StateDirectory, std::string> StateDirectory::Open(const std::filesystem::path& given) {
  const std::filesystem::path path = given.has_filename() ? given : given.parent_path();  // without a slash behind
  if (auto prepared = Prepare(path); !prepared) return std::unexpected(prepared.error());
  const auto lock = Lock(path / "lock", path);
  if (!lock) return std::unexpected(lock.error());
  StateDirectory directory(path / "archive.db", *lock);
  if (auto made = MakeDatabaseFile(directory.database()); !made) return std::unexpected(made.error());
  return directory;
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept
    : database_(std::move(other.database_)), lock_(std::exchange(other.lock_, -1)) {}

StateDirectory::~StateDirectory() {
  if (lock_ >= 0) close(lock_);
}

}  // namespace archive
