#pragma once

#include <cstdint>
#include <memory>
#include <string>

// What stands before a ComfyUI: a proxy on a free loopback port. It takes the bytes of each connection to one server:
// that of a WebSocket to `sockets`, any other to `http`, so that two servers can be behind one name.
class Front {
 public:
  struct Upstreams {
    std::uint16_t http = 0;     // ports on loopback
    std::uint16_t sockets = 0;  // 0: the same
  };

  explicit Front(Upstreams upstreams, bool tls = false);
  ~Front();

  std::string url() const;  // http://127.0.0.1:port, or https://localhost:port

  // PEM of the certificate it shows under TLS, for localhost, that nobody but this file vouches for; gone with the
  // object.
  const std::string& ca_file() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};
