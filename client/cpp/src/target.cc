#include "target.h"

#include <algorithm>
#include <array>

namespace jobstatus {
namespace {

constexpr std::string_view kDefaultPort = ":50051";

bool HasScheme(std::string_view target) {
  constexpr std::array<std::string_view, 7> kSchemes = {
      "unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:", "vsock:", "xds:"};
  return target.find("://") != std::string_view::npos ||
         std::ranges::any_of(kSchemes, [&](std::string_view scheme) { return target.starts_with(scheme); });
}

}  // namespace

std::string CompleteTarget(std::string_view target) {
  const std::string text(target);
  if (HasScheme(target)) return text;
  if (target.starts_with('[')) return target.ends_with(']') ? text + std::string(kDefaultPort) : text;
  switch (std::ranges::count(target, ':')) {
    case 0:
      return text + std::string(kDefaultPort);
    case 1:
      return text;
    default:  // a bare IPv6 address
      return "[" + text + "]" + std::string(kDefaultPort);
  }
}

}  // namespace jobstatus
