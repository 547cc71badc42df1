#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "jobs/time.h"

namespace web {

struct Request {
  std::string authorization;  // the header; empty: none
};

struct Reply {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

// Answers one request, by calling `respond` once, at once or later, on any thread; it may be called, and does nothing,
// when nobody waits any more.
using Respond = std::function<void(Reply)>;
using Handler = std::function<void(const Request&, Respond)>;

struct EndpointOptions {
  std::string listen;  // HOST:PORT; port 0 takes a free one
  // Whether only this machine reaches it. Then requests that came by any name but localhost or an IP address are
  // refused: a foreign page in a browser here may have had its own name lead to us (DNS rebinding).
  bool local = true;
  std::size_t max_connections = 64;  // of more, the one that has been idle longest makes way
  std::size_t max_header_bytes = 8 * 1024;
  jobs::Duration request_limit = std::chrono::seconds(10);  // for a request to come, once the connection stands
  jobs::Duration answer_limit = std::chrono::seconds(10);   // for the answer to be made, and again to be taken
};

// A small HTTP/1.1 server for GET and HEAD of a few fixed paths, on one thread of its own. Whoever connects can neither
// make it keep much nor keep anything long.
class HttpEndpoint {
 public:
  // By path. Handlers are called on the endpoint's thread. The error is a sentence for a person.
  static std::expected<std::unique_ptr<HttpEndpoint>, std::string> Start(const EndpointOptions& options,
                                                                         std::map<std::string, Handler> routes);
  ~HttpEndpoint();

  // HOST:PORT, with the port it got.
  const std::string& address() const;

  // Closes every connection; no handler is called any more once it returns.
  void Stop();

 private:
  struct Parts;  // keeps Asio's and Beast's headers out of this one
  explicit HttpEndpoint(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace web
