#include "fakes/recording_file.h"

#include <zlib.h>

#include <array>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

namespace fakes {
namespace {

std::string ReadFile(const std::string& name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string ReadGzipFile(const std::string& name) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(name.c_str(), "rb"), gzclose);
  if (!file) throw std::runtime_error("cannot read " + name);
  std::string content;
  std::array<char, 1 << 16> buffer{};
  int bytes = 0;
  while ((bytes = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()))) > 0) {
    content.append(buffer.data(), static_cast<size_t>(bytes));
  }
  if (bytes < 0) throw std::runtime_error("cannot unpack " + name);
  return content;
}

}  // namespace

// By the name, not by the content: bodies that were sent packed are kept packed.
std::string ReadRecordingFile(const std::filesystem::path& path) {
  const std::string name = exists(path) ? path.string() : path.string() + ".gz";
  return name.ends_with(".gz") ? ReadGzipFile(name) : ReadFile(name);
}

}  // namespace fakes
