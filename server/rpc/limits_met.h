#pragma once

#include <atomic>
#include <cstdint>

namespace rpc {

// How often each limit of the server was met since its start. Read by any thread, at any time; each value by itself.
struct LimitsMet {
  std::atomic<std::uint64_t> max_watches{0};           // watches refused
  std::atomic<std::uint64_t> max_watches_per_peer{0};  // watches refused
  std::atomic<std::uint64_t> max_ids_per_watch{0};     // watches refused
  std::atomic<std::uint64_t> write_stall_limit{0};     // watches ended
  std::atomic<std::uint64_t> max_connection_age{0};    // watches ended
};

}  // namespace rpc
