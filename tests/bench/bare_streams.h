#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/calls.h"
#include "bench/figures.h"
#include "bench/program.h"
#include "bench/watchers.h"

namespace bench {

// A bare server and its streams, to all of which it writes the same bytes when it is asked to.
class BareStreams {
 public:
  // The command of bare_server or bare_queue_server.
  explicit BareStreams(const std::vector<std::string>& command);

  // So many streams, in place of those there were.
  void Open(std::size_t streams, std::size_t per_connection);
  void Close() { watchers_.reset(); }

  // Tells all; how long it took until the last one was told.
  Micros Tell();

  const Program& server() const { return server_; }
  Program& server() { return server_; }

 private:
  Program server_;
  Calls calls_;
  std::optional<Watchers> watchers_;
};

}  // namespace bench
