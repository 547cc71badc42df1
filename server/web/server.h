#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "board/board.h"
#include "web/metrics.h"

namespace web {

struct ServerOptions {
  std::string listen;        // HOST:PORT; port 0 takes a free one
  bool local = true;         // only this machine reaches it
  std::string page_refused;  // why the page is not shown, for a person; empty: it is
  // Whether who sends this `authorization` header (empty: none) may see jobs. Called on the server's thread.
  std::function<bool(const std::string& authorization)> may_see_jobs;
};

// The metrics port: /metrics for Prometheus, / for people, /status.json for the page at /, and /healthz. Jobs are seen
// only by whoever may call over gRPC; the metrics, which name none, by everybody.
class Server {
 public:
  // `read`: the counters of all layers; called on the server's thread. The error is a sentence for a person.
  static std::expected<std::unique_ptr<Server>, std::string> Start(const ServerOptions& options,
                                                                   const board::Board& board,
                                                                   std::function<Readings()> read);
  ~Server();

  const std::string& address() const;  // HOST:PORT, with the port it got

  // Nothing that was given is called any more once it returns. The board must outlive what its archive has been asked
  // for.
  void Stop();

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace web
