#pragma once

#include <cstdint>
#include <memory>
#include <string>

// A ComfyUI behind TLS, as far as an idle one goes: /prompt and /system_stats. Shows a certificate for localhost that
// nobody but its own file vouches for.
class TlsComfy {
 public:
  TlsComfy();
  ~TlsComfy();

  std::string url() const;  // https://localhost:port

  const std::string& ca_file() const;  // PEM; gone with the object

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};
