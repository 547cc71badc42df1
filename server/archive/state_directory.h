#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace archive {

// The directory that holds what survives a restart, for one process at a time.
class StateDirectory {
 public:
  // Makes it (0700) where it is not there, takes its lock, and makes the database's file (0600) where that is not
  // there, so that SQLite's further files get the same permissions. The error says what is wrong and what to do.
  static std::expected<StateDirectory, std::string> Open(const std::filesystem::path& path);

  StateDirectory(StateDirectory&& other) noexcept;
  StateDirectory& operator=(StateDirectory&&) = delete;
  ~StateDirectory();

  const std::filesystem::path& database() const { return database_; }

 private:
  StateDirectory(std::filesystem::path database, int lock) : database_(std::move(database)), lock_(lock) {}

  std::filesystem::path database_;
  int lock_;  // file descriptor; the kernel lets go of the lock however the process ends
};

}  // namespace archive
