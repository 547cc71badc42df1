#include "rpc/peer.h"

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
    return address.starts_with('[') && end != std::string::npos ? address.substr(1, end - 1) : address;
  }
  return std::string(grpc_peer);
}

}  // namespace rpc
