#include "comfy/tls_comfy.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "client/certificate.h"

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

std::string Answer(const std::string& request) {
  const bool prompt = request.starts_with("GET /prompt ");
  const std::string body =
      prompt ? R"({"exec_info": {"queue_remaining": 0}})" : R"({"system": {"comfyui_version": "0.33.0"}})";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

struct TlsComfy::Parts {
  asio::io_context io;
  asio::ssl::context tls{asio::ssl::context::tls_server};
  tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
  std::string ca_file;
  std::jthread thread;  // serves one connection after the other; uses all of the above

  void Serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      asio::ssl::stream<tcp::socket> stream(io, tls);
      boost::system::error_code error;
      acceptor.accept(stream.lowest_layer(), error);
      if (!error) stream.handshake(asio::ssl::stream_base::server, error);  // fails where the client trusts nobody
      std::string request;
      while (!error && !stop.stop_requested()) {
        const std::size_t size = asio::read_until(stream, asio::dynamic_buffer(request), "\r\n\r\n", error);
        if (!error) asio::write(stream, asio::buffer(Answer(request)), error);
        if (!error) request.erase(0, size);
      }
    }
  }
};

TlsComfy::TlsComfy() : parts_(std::make_unique<Parts>()) {
  const jobstatus::Certificate certificate = jobstatus::MakeCertificate();
  parts_->tls.use_certificate(asio::buffer(certificate.certificate), asio::ssl::context::pem);
  parts_->tls.use_private_key(asio::buffer(certificate.key), asio::ssl::context::pem);
  char name[] = "/tmp/comfy-ca-XXXXXX";
  const int fd = mkstemp(name);
  if (fd < 0) throw std::runtime_error("cannot make a temporary file");
  close(fd);
  parts_->ca_file = name;
  std::ofstream(parts_->ca_file) << certificate.certificate;
  parts_->thread = std::jthread([parts = parts_.get()](const std::stop_token& stop) { parts->Serve(stop); });
}

TlsComfy::~TlsComfy() {
  parts_->thread.request_stop();
  boost::system::error_code ignored;  // the connection only wakes the accept; whoever is served by then has closed
  tcp::socket waker(parts_->io);
  waker.connect(parts_->acceptor.local_endpoint(), ignored);
  waker.close(ignored);
  parts_->thread.join();
  unlink(parts_->ca_file.c_str());
}

std::string TlsComfy::url() const {
  return "https://localhost:" + std::to_string(parts_->acceptor.local_endpoint().port());
}

const std::string& TlsComfy::ca_file() const {
  return parts_->ca_file;
}
