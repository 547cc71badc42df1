#pragma once

#include <string>

namespace bench {

// As long as ComfyUI's own.
inline std::string FilledJob(int job) {
  const std::string number = std::to_string(job);
  return "00000000-0000-4000-8000-" + std::string(12 - number.size(), '0') + number;
}

}  // namespace bench
