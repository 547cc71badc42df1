#include "comfy/front.h"

#include <utility>  // Boost 1.74's awaitable.hpp uses std::exchange without including it

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "client/certificate.h"

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

auto Into(error_code& failed) {
  return asio::redirect_error(asio::use_awaitable, failed);
}

// Both ends of a connection that came in.
template <class Downstream>
struct Connection {
  Downstream down;
  tcp::socket up;
};

template <class From, class To>
asio::awaitable<void> Relay([[maybe_unused]] std::shared_ptr<void> keep, From& from, To& to) {
  std::array<char, 16 * 1024> bytes;
  error_code failed;
  while (!failed) {
    const std::size_t size = co_await from.async_read_some(asio::buffer(bytes), Into(failed));
    if (!failed) co_await asio::async_write(to, asio::buffer(bytes, size), Into(failed));
  }
  error_code ignored;  // whoever is gone is gone, and then the other shall be, too
  from.lowest_layer().close(ignored);
  to.lowest_layer().close(ignored);
}

}  // namespace

struct Front::Parts {
  Upstreams upstreams;
  bool tls;
  asio::io_context io;
  asio::ssl::context tls_context{asio::ssl::context::tls_server};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::string ca_file;
  std::thread thread;  // runs io, which uses all of the above

  template <class Downstream>
  asio::awaitable<void> Serve(std::shared_ptr<Connection<Downstream>> connection) {
    std::string head;
    error_code failed;
    co_await asio::async_read_until(connection->down, asio::dynamic_buffer(head), "\r\n\r\n", Into(failed));
    const bool socket = head.find("\r\nUpgrade: websocket\r\n") != std::string::npos;
    const auto port = socket && upstreams.sockets != 0 ? upstreams.sockets : upstreams.http;
    if (!failed) {
      co_await connection->up.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), port), Into(failed));
    }
    if (!failed) co_await asio::async_write(connection->up, asio::buffer(head), Into(failed));
    if (failed) co_return;
    asio::co_spawn(io, Relay(connection, connection->down, connection->up), asio::detached);
    asio::co_spawn(io, Relay(connection, connection->up, connection->down), asio::detached);
  }

  asio::awaitable<void> Accept() {
    error_code failed;
    while (true) {
      tcp::socket socket(io);
      co_await acceptor.async_accept(socket, Into(failed));
      if (failed) co_return;
      if (!tls) {
        asio::co_spawn(io, Serve(std::make_shared<Connection<tcp::socket>>(std::move(socket), tcp::socket(io))),
                       asio::detached);
        continue;
      }
      using Tls = asio::ssl::stream<tcp::socket>;
      const auto connection = std::make_shared<Connection<Tls>>(Tls(std::move(socket), tls_context), tcp::socket(io));
      error_code refused;  // where the client trusts nobody
      co_await connection->down.async_handshake(asio::ssl::stream_base::server, Into(refused));
      if (!refused) asio::co_spawn(io, Serve(connection), asio::detached);
    }
  }
};

Front::Front(Upstreams upstreams, bool tls) : parts_(std::make_unique<Parts>(upstreams, tls)) {
  if (tls) {
    const jobstatus::Certificate certificate = jobstatus::MakeCertificate();
    parts_->tls_context.use_certificate(asio::buffer(certificate.certificate), asio::ssl::context::pem);
    parts_->tls_context.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
    char name[] = "/tmp/comfy-ca-XXXXXX";
    const int fd = mkstemp(name);
    if (fd < 0) throw std::runtime_error("cannot make a temporary file");
    close(fd);
    parts_->ca_file = name;
    std::ofstream(parts_->ca_file) << certificate.certificate;
  }
  asio::co_spawn(parts_->io, parts_->Accept(), asio::detached);
  parts_->thread = std::thread([parts = parts_.get()] { parts->io.run(); });
}

Front::~Front() {
  parts_->io.stop();
  parts_->thread.join();
  if (!parts_->ca_file.empty()) unlink(parts_->ca_file.c_str());
}

std::string Front::url() const {
  return (parts_->tls ? "https://localhost:" : "http://127.0.0.1:") +
         std::to_string(parts_->acceptor.local_endpoint().port());
}

const std::string& Front::ca_file() const {
  return parts_->ca_file;
}
