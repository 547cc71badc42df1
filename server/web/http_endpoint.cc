#include "web/http_endpoint.h"

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>

namespace web {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

// Where answers go that are made on other threads; null once nobody takes them.
struct Gate {
  std::mutex mutex;  // guards io
  asio::io_context* io = nullptr;
};

// An answer that is waited for. On the endpoint's thread.
struct Pending {
  explicit Pending(asio::io_context& io) : made(io) {}
  asio::steady_timer made;  // cancelled when it is
  std::optional<Reply> reply;
};

struct HostAndPort {
  std::string host;
  std::string port;
};

// "[::1]:80" is ::1 and 80.
HostAndPort Split(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  HostAndPort split{address.substr(0, colon), address.substr(colon + 1)};
  if (split.host.starts_with('[') && split.host.ends_with(']'))
    split.host = split.host.substr(1, split.host.size() - 2);
  return split;
}

// `host`: the header, with or without a port.
bool IsLocalName(std::string_view host) {
  std::string name(host);
  if (const std::size_t colon = name.rfind(':');
      colon != std::string::npos && name.find(']', colon) == std::string::npos)
    name.resize(colon);
  if (name.starts_with('[') && name.ends_with(']')) name = name.substr(1, name.size() - 2);
  if (beast::iequals(name, "localhost")) return true;
  boost::system::error_code no_address;
  asio::ip::make_address(name, no_address);
  return !no_address;
}

Reply Refusal(unsigned status, std::string text) {
  return {.status = status, .body = std::move(text) + '\n'};
}

// What a browser may do with an answer: nothing but show it, with what comes from here.
void SetSecurityHeaders(http::fields& headers) {
  headers.set(
      "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
      "form-action 'none'; frame-ancestors 'none'");
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  headers.set(http::field::cache_control, "no-store");
}

}  // namespace

struct HttpEndpoint::Parts {
  Parts(EndpointOptions given, std::map<std::string, Handler> handlers)
      : options(std::move(given)), routes(std::move(handlers)) {
    gate->io = &io;
  }

  // The longest unchanged first.
  struct Connection {
    tcp::socket* socket;
    enum class State { kWaits, kIsAnswered, kMakesWay } state = State::kWaits;
  };
  using Connections = std::list<Connection>;

  bool MakeRoom();
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(tcp::socket socket);
  asio::awaitable<Reply> Answer(const http::request<http::empty_body>& request);
  asio::awaitable<bool> Send(beast::tcp_stream& stream, Reply reply, bool head, bool keep_alive) const;

  const EndpointOptions options;
  const std::map<std::string, Handler> routes;
  const std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::string address;
  Connections connections;  // outlives the coroutines, which go with io
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::thread thread;  // runs io; everything above but the gate is used by it alone once it runs
};

// A connection that fails ends; the next may work. Out of file descriptors, it waits for some.
asio::awaitable<void> HttpEndpoint::Parts::Accept() {
  asio::steady_timer pause(io);
  while (true) {
    boost::system::error_code error;
    tcp::socket socket = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) {
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
      continue;
    }
    if (!MakeRoom()) continue;
    asio::co_spawn(io, Serve(std::move(socket)), [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }
}

// False: all that are here are being answered.
bool HttpEndpoint::Parts::MakeRoom() {
  const auto count = [&](Connection::State state) {
    return static_cast<std::size_t>(std::ranges::count(connections, state, &Connection::state));
  };
  if (connections.size() - count(Connection::State::kMakesWay) < options.max_connections) return true;
  const auto idle = std::ranges::find(connections, Connection::State::kWaits, &Connection::state);
  if (idle == connections.end()) return false;
  idle->state = Connection::State::kMakesWay;
  boost::system::error_code ignored;
  idle->socket->close(ignored);
  return true;
}

asio::awaitable<void> HttpEndpoint::Parts::Serve(tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  const auto place = connections.insert(connections.end(), {&stream.socket()});
  const struct Leaving {
    Connections& from;
    Connections::iterator place;
    ~Leaving() { from.erase(place); }
  } leaving{connections, place};
  beast::flat_buffer buffer(options.max_header_bytes + 1024);
  for (bool keep_alive = true; keep_alive;) {
    http::request_parser<http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options.max_header_bytes));
    parser.body_limit(0);
    stream.expires_after(options.request_limit);
    boost::system::error_code error;
    co_await http::async_read(stream, buffer, parser, asio::redirect_error(asio::use_awaitable, error));
    if (place->state == Connection::State::kMakesWay) break;
    place->state = Connection::State::kIsAnswered;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      co_await Send(stream, Refusal(431, "the request's headers are too long"), false, false);
      break;
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      co_await Send(stream, Refusal(400, "this is no HTTP request that can be understood; none may have a body"), false,
                    false);
      break;
    }
    if (error) break;
    const auto& request = parser.get();
    keep_alive = request.keep_alive();
    stream.expires_never();  // until it is answered; then again
    Reply reply = co_await Answer(request);
    if (!co_await Send(stream, std::move(reply), request.method() == http::verb::head, keep_alive)) break;
    place->state = Connection::State::kWaits;
    connections.splice(connections.end(), connections, place);
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<Reply> HttpEndpoint::Parts::Answer(const http::request<http::empty_body>& request) {
  const auto host = request[http::field::host];
  if (options.local && !host.empty() && !IsLocalName({host.data(), host.size()}))
    co_return Refusal(421, "this server is for its own machine; ask it by the name localhost or by its IP address");
  const std::string target(request.target().data(), request.target().size());
  const auto route = routes.find(target.substr(0, target.find('?')));
  if (route == routes.end()) co_return Refusal(404, "there is nothing here");
  if (request.method() != http::verb::get && request.method() != http::verb::head)
    co_return Refusal(405, "only GET and HEAD are answered");

  const auto pending = std::make_shared<Pending>(io);
  const Respond respond = [gate = gate, weak = std::weak_ptr(pending)](Reply reply) {
    const std::lock_guard lock(gate->mutex);
    if (gate->io == nullptr) return;
    asio::post(*gate->io, [weak, reply = std::move(reply)]() mutable {
      const auto waiting = weak.lock();
      if (!waiting || waiting->reply) return;
      waiting->reply = std::move(reply);
      waiting->made.cancel();
    });
  };
  const auto authorization = request[http::field::authorization];
  pending->made.expires_after(options.answer_limit);
  route->second({.authorization = {authorization.data(), authorization.size()}}, respond);
  boost::system::error_code woken;
  co_await pending->made.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (!pending->reply) co_return Refusal(503, "the answer took too long to make; try again");
  co_return std::move(*pending->reply);
}

asio::awaitable<bool> HttpEndpoint::Parts::Send(beast::tcp_stream& stream, Reply reply, bool head,
                                                bool keep_alive) const {
  http::response<http::string_body> response(static_cast<http::status>(reply.status), 11);
  response.set(http::field::content_type, reply.content_type);
  if (reply.status == 401) response.set(http::field::www_authenticate, "Bearer");
  if (reply.status == 405) response.set(http::field::allow, "GET, HEAD");
  SetSecurityHeaders(response.base());
  response.keep_alive(keep_alive);
  response.content_length(reply.body.size());
  if (!head) response.body() = std::move(reply.body);
  stream.expires_after(options.answer_limit);
  boost::system::error_code error;
  co_await http::async_write(stream, response, asio::redirect_error(asio::use_awaitable, error));
  co_return !error;
}

HttpEndpoint::HttpEndpoint(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

std::expected<std::unique_ptr<HttpEndpoint>, std::string> HttpEndpoint::Start(const EndpointOptions& options,
                                                                              std::map<std::string, Handler> routes) {
  auto parts = std::make_unique<Parts>(options, std::move(routes));
  const auto [host, port] = Split(options.listen);
  boost::system::error_code error;
  tcp::resolver resolver(parts->io);
  const auto found = resolver.resolve(host, port, tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (!error) {
    const tcp::endpoint endpoint = found.begin()->endpoint();
    tcp::acceptor& acceptor = parts->acceptor;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  }
  if (error) return std::unexpected("cannot listen on " + options.listen + ": " + error.message());
  parts->address =
      options.listen.substr(0, options.listen.rfind(':') + 1) + std::to_string(parts->acceptor.local_endpoint().port());
  asio::co_spawn(parts->io, parts->Accept(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  parts->thread = std::thread([&parts = *parts] { parts.io.run(); });
  return std::unique_ptr<HttpEndpoint>(new HttpEndpoint(std::move(parts)));
}

HttpEndpoint::~HttpEndpoint() {
  Stop();
}

const std::string& HttpEndpoint::address() const {
  return parts_->address;
}

void HttpEndpoint::Stop() {
  {
    const std::lock_guard lock(parts_->gate->mutex);
    parts_->gate->io = nullptr;
  }
  parts_->io.stop();
  if (parts_->thread.joinable()) parts_->thread.join();
}

}  // namespace web
