#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>

#include "board/board.h"
#include "jobs/time.h"
#include "rpc/calls.h"
#include "rpc/limits_met.h"
#include "rpc/tls.h"
#include "rpc/tokens.h"
#include "rpc/watch_times.h"

namespace rpc {

struct ServerOptions {
  std::string listen = "127.0.0.1:50051";  // host:port; port 0 takes a free one
  std::size_t max_watches = 10'000;        // about 16 kB each in gRPC
  std::size_t max_watches_per_peer = 1000;
  std::size_t max_ids_per_watch = 1000;
  // gRPC refuses longer requests itself. 1,000 ids of 256 bytes are 260 kB.
  std::size_t max_request_bytes = 1024 * 1024;
  // More of them wait on the caller's side without a word. So it is more than the watches of a peer, which are refused
  // with a reason.
  std::size_t max_calls_per_connection = 2000;
  WatchTimes watch_times;
  TlsFiles tls;                           // none: plain text
  std::shared_ptr<const Tokens> tokens;   // null: anybody may call
  OnFailedCall on_failed_call;            // may be empty
  std::size_t max_health_watches = 1000;  // of callers that need no token
  bool reflection = true;                 // the contract is told to whoever asks
  std::string page_token_key;  // what page tokens are signed with, so that they hold over a restart. Empty: made anew
};

// The gRPC server, from the first call it takes to the last it ends. Start, Drain and Stop are called by one thread,
// once each and in this order; Drain may be left out.
class Server {
 public:
  // The error is a sentence for a person.
  static std::expected<std::unique_ptr<Server>, std::string> Start(board::Board& board, const ServerOptions& options);
  ~Server();

  // The address it listens on, with the port it got.
  const std::string& address() const;

  // Who may call from here on; streams that are open go on. May be called by any thread, until Stop.
  void SetTokens(std::shared_ptr<const Tokens> tokens);
  std::shared_ptr<const Tokens> tokens() const;

  const Calls& calls() const;
  const LimitsMet& limits_met() const;

  // Says NOT_SERVING on the health service and ends all streams, of every service, with UNAVAILABLE.
  void Drain();

  // Ends what is left after `grace`, and returns when nothing is. The board's sources must have been stopped: calls
  // that wait for a look-up end with it.
  void Stop(jobs::Duration grace);

 private:
  struct Parts;  // keeps gRPC's headers out of this one
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace rpc
