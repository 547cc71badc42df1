#include "web/server.h"

#include <map>
#include <utility>

#include "web/http_endpoint.h"
#include "web/page.h"
#include "web/status_source.h"

namespace web {

struct Server::Parts {
  explicit Parts(const board::Board& board) : status(board) {}

  StatusSource status;
  std::unique_ptr<HttpEndpoint> endpoint;  // last, so that it stops calling first
};

namespace {

Handler Fixed(std::string content_type, std::string_view body) {
  return [content_type, body = std::string(body)](const Request&, const Respond& respond) {
    respond({.content_type = content_type, .body = body});
  };
}

Handler Refused(const std::string& why) {
  return [why](const Request&, const Respond& respond) { respond({.status = 403, .body = why + '\n'}); };
}

}  // namespace

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

std::expected<std::unique_ptr<Server>, std::string> Server::Start(const ServerOptions& options,
                                                                  const board::Board& board,
                                                                  std::function<Readings()> read) {
  auto parts = std::make_unique<Parts>(board);
  std::map<std::string, Handler> routes;
  routes["/healthz"] = Fixed("text/plain; charset=utf-8", "ok\n");
  routes["/metrics"] = [read = std::move(read)](const Request&, const Respond& respond) {
    respond({.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = MetricsText(read())});
  };
  if (options.page_refused.empty()) {
    routes["/"] = Fixed("text/html; charset=utf-8", kPageHtml);
    routes["/page.js"] = Fixed("text/javascript; charset=utf-8", kPageScript);
    routes["/page.css"] = Fixed("text/css; charset=utf-8", kPageStyle);
    routes["/status.json"] = [&status = parts->status, may_see_jobs = options.may_see_jobs](const Request& request,
                                                                                            const Respond& respond) {
      if (!may_see_jobs(request.authorization)) {
        return respond({.status = 401,
                        .body = "this service tells of jobs only to those who send a token: Authorization: Bearer "
                                "TOKEN, as gRPC callers do\n"});
      }
      status.Get([respond](const std::shared_ptr<const std::string>& json) {
        if (json == nullptr)
          return respond({.status = 503, .body = "the archive cannot be read; see the server's log\n"});
        respond({.content_type = "application/json", .body = *json});
      });
    };
  } else {
    routes["/"] = routes["/status.json"] = Refused(options.page_refused);
  }
  auto endpoint = HttpEndpoint::Start({.listen = options.listen, .local = options.local}, std::move(routes));
  if (!endpoint) return std::unexpected(endpoint.error());
  parts->endpoint = *std::move(endpoint);
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::~Server() = default;

const std::string& Server::address() const {
  return parts_->endpoint->address();
}

void Server::Stop() {
  parts_->endpoint->Stop();
}

}  // namespace web
