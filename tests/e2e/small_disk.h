#pragma once

#include <memory>
#include <string>

#include "client/process.h"
#include "e2e/programs.h"

namespace e2e {

// A file system of its own, so small that a test can fill it: a tmpfs in a mount namespace, kept by a process that does
// nothing else.
class SmallDisk {
 public:
  // Null where this user may not make one.
  static std::unique_ptr<SmallDisk> Make();

  // A directory on it, as whoever is run by `runner` sees it.
  const std::string& directory() const { return directory_; }
  const Arguments& runner() const { return runner_; }

  // Leaves no byte free; makes room again.
  void Fill() const;
  void Free() const;

 private:
  SmallDisk(std::string directory, const Arguments& unshare, const Arguments& enter);

  std::string Filler() const;

  const std::string directory_;
  jobstatus::Process keeper_;
  Arguments runner_;
};

}  // namespace e2e
