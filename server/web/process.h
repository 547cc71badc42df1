#pragma once

#include <cstdint>

namespace web {

// What the operating system says of this process, as Prometheus' client libraries tell it. 0: it does not say.
struct ProcessReading {
  double cpu_seconds = 0;
  double start_seconds = 0;  // since 1970
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
  std::uint64_t threads = 0;
};

ProcessReading ReadProcess();

}  // namespace web
