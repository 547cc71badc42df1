#include "e2e/small_disk.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace e2e {
namespace {

Arguments Joined(Arguments first, const Arguments& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

bool Works(const Arguments& command) {
  return RunToEnd(Joined(command, {"true"})).exit_code == 0;
}

}  // namespace

std::unique_ptr<SmallDisk> SmallDisk::Make() {
  const std::string directory = FreshFile("disk");
  std::filesystem::create_directories(directory);
  const Arguments as_root = {"unshare", "--mount"};
  const Arguments as_user = {"unshare", "--mount", "--map-root-user"};
  if (Works(as_root)) return std::unique_ptr<SmallDisk>(new SmallDisk(directory, as_root, {"nsenter", "--mount"}));
  if (Works(as_user)) {
    return std::unique_ptr<SmallDisk>(
        new SmallDisk(directory, as_user, {"nsenter", "--mount", "--user", "--preserve-credentials"}));
  }
  return nullptr;
}

SmallDisk::SmallDisk(std::string directory, const Arguments& unshare, const Arguments& enter)
    : directory_(std::move(directory)),
      keeper_(Joined(unshare, {"sh", "-c",
                               "mount -t tmpfs -o size=1m,mode=700 tmpfs \"$0\" && echo mounted && exec sleep infinity",
                               directory_})),
      runner_(Joined(enter, {"--target", std::to_string(keeper_.pid())})) {
  if (!keeper_.AwaitOutput("mounted")) throw std::runtime_error("cannot mount a tmpfs: " + keeper_.error());
}

std::string SmallDisk::Filler() const {
  return "/proc/" + std::to_string(keeper_.pid()) + "/root" + directory_ + "/filler";
}

void SmallDisk::Fill() const {
  std::ofstream filler(Filler(), std::ios::binary | std::ios::app);
  while (filler << std::string(4096, 'x') << std::flush) {
  }
}

void SmallDisk::Free() const {
  std::filesystem::remove(Filler());
}

}  // namespace e2e
