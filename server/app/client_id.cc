#include "app/client_id.h"

#include <unistd.h>

#include <array>
#include <cstdint>

#include "comfy/listener.h"

namespace app {

std::string DefaultClientId(std::string_view host_name, std::string_view listen, std::string_view backend,
                            std::string_view url) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const std::string_view part : {host_name, listen, backend, url}) {
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    hash = (hash ^ 0x1f) * 0x100000001b3;
  }
  static constexpr char kHex[] = "0123456789abcdef";
  std::string id(comfy::kClientIdPrefix);
  for (int shift = 60; shift >= 0; shift -= 4) id += kHex[hash >> shift & 15];
  return id;
}

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace app
