#pragma once

#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "jobs/histogram.h"
#include "jobs/time.h"

namespace grpc {
class ServerContext;
}

// How calls begin and end, for those who operate the service.
namespace rpc {

enum class Method { kGetStatus, kWatchStatus, kListStatuses, kListBackends };
inline constexpr std::size_t kMethods = 4;
inline constexpr std::array<const char*, kMethods> kMethodNames = {"GetStatus", "WatchStatus", "ListStatuses",
                                                                   "ListBackends"};
inline constexpr std::size_t kCodes = 17;     // OK to UNAUTHENTICATED
const char* CodeName(grpc::StatusCode code);  // "NOT_FOUND"

// A call that did not end with OK. What callers sent is in it: to be escaped where it is shown.
struct FailedCall {
  Method method;
  grpc::StatusCode code;
  std::string reason;      // of the contract; empty: none
  std::string message;     // what the caller was told
  std::string request_id;  // that, too
  std::string peer;        // "ipv4:10.0.0.1:4711"
  jobs::Duration duration;
};
// Called by any thread; must not block.
using OnFailedCall = std::function<void(const FailedCall&)>;

// Counts all calls of a server. Thread-safe, without a lock.
class Calls {
 public:
  explicit Calls(OnFailedCall on_failed) : on_failed_(std::move(on_failed)) {}

  struct Counts {
    std::uint64_t started = 0;
    std::array<std::uint64_t, kCodes> ended{};  // by grpc::StatusCode
    std::uint64_t messages_sent = 0;
    jobs::Histogram::Counts durations;
  };
  std::array<Counts, kMethods> Read() const;

 private:
  friend class Call;
  struct Counters {
    std::atomic<std::uint64_t> started{0};
    std::array<std::atomic<std::uint64_t>, kCodes> ended{};
    std::atomic<std::uint64_t> messages_sent{0};
    jobs::Histogram durations{jobs::kLatencies};
  };
  const OnFailedCall on_failed_;
  std::array<Counters, kMethods> counters_;
};

// One call, from its arrival to its end. Not thread-safe. May be copied; only one copy is to be ended.
class Call {
 public:
  // The context must be that of a call that has not ended, until End.
  Call(Calls& calls, Method method, const grpc::ServerContext& context);

  void MessageSent();

  // The status to finish the call with, to be asked for once. One that is not OK has google.rpc.RequestInfo among its
  // details, with the caller's `x-request-id`, or one made up: by it the call is found in the log.
  grpc::Status End(grpc::Status status);

 private:
  Calls& calls_;
  Calls::Counters& counters_;
  const Method method_;
  const grpc::ServerContext& context_;
  const jobs::Steady begun_;
};

}  // namespace rpc
