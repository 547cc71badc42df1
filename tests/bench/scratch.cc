#include "bench/scratch.h"

#include <stdlib.h>

#include <stdexcept>
#include <string>

namespace bench {

Scratch::Scratch(const std::filesystem::path& parent) {
  std::string path = parent / "bench.XXXXXX";
  if (mkdtemp(path.data()) == nullptr) throw std::runtime_error("cannot make a folder " + path);
  path_ = path;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace bench
