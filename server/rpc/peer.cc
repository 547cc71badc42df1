#include "rpc/peer.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace rpc {
namespace {

// Of "%5B": gRPC writes its peers as URIs.
std::string Decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* const hex = text.data() + i + 1;
    if (text[i] == '%' && i + 2 < text.size() && std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
      decoded += static_cast<char>(byte);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

// One who has an IPv6 address commonly has all of its /64. But neighbours on a link share theirs, as does the machine.
std::string Network(const std::string& address) {
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return address;
  const bool is_link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
  const bool is_special = std::all_of(bytes.begin(), bytes.begin() + 8, [](unsigned char byte) { return byte == 0; });
  if (is_link_local || is_special) return address;
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  return std::string(text.data()) + "/64";
}

}  // namespace

std::string PeerName(std::string_view grpc_peer) {
  if (grpc_peer.starts_with("unix")) return "unix";
  if (grpc_peer.starts_with("ipv4:")) {
    const std::string_view address = grpc_peer.substr(5);
    return std::string(address.substr(0, address.rfind(':')));
  }
  if (grpc_peer.starts_with("ipv6:")) {
    const std::string address = Decoded(grpc_peer.substr(5));
    const std::size_t end = address.find(']');
    return address.starts_with('[') && end != std::string::npos ? Network(address.substr(1, end - 1)) : address;
  }
  return std::string(grpc_peer);
}

}  // namespace rpc
