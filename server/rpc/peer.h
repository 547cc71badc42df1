#pragma once

#include <string>
#include <string_view>

namespace rpc {

// Who calls, as far as limits of each peer tell callers apart: the IP address (of IPv6 its /64), without port, of what
// gRPC calls the peer ("ipv4:10.0.0.7:5555", "ipv6:%5Bfe80::1%25eth0%5D:5555"). All who come over a Unix socket are
// one; so are all behind one proxy.
std::string PeerName(std::string_view grpc_peer);

}  // namespace rpc
