#include "app/client_id.h"

#include <unistd.h>

#include <array>
#include <cstdint>

#include "comfy/listener.h"
#include "jobs/hash.h"

namespace app {

std::string DefaultClientId(std::string_view host_name, std::string_view listen, std::string_view backend,
                            std::string_view url) {
  const std::uint64_t hash = jobs::Hash().Add(host_name).Add(listen).Add(backend).Add(url).value();
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
