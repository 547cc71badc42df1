#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace fakes {

// Tells where a server listens. Whoever waits for the file never sees half of it. Throws std::runtime_error where it
// cannot be written.
inline void WriteAddress(const std::filesystem::path& path, const std::string& address) {
  const std::filesystem::path draft = path.string() + "." + std::to_string(getpid());
  std::ofstream file(draft);
  file << address << '\n';
  file.close();
  if (!file) throw std::runtime_error("cannot write " + draft.string());
  std::filesystem::rename(draft, path);
}

}  // namespace fakes
