#include "rpc/peer.h"

#include <gtest/gtest.h>

namespace rpc {
namespace {

TEST(Peer, IsTheAddressWithoutThePort) {
  EXPECT_EQ(PeerName("ipv4:10.0.0.7:5555"), "10.0.0.7");
  EXPECT_EQ(PeerName("ipv6:%5B::1%5D:5555"), "::1");
}

TEST(Peer, WithAnIpv6AddressIsItsNetworkOf64Bits) {
  EXPECT_EQ(PeerName("ipv6:[2001:db8::7]:5555"), "2001:db8::/64");
  EXPECT_EQ(PeerName("ipv6:%5B2001:db8:0:0:1:2:3:4%5D:5555"), "2001:db8::/64");
  EXPECT_EQ(PeerName("ipv6:%5B2001:db8:0:1::7%5D:5555"), "2001:db8:0:1::/64");
}

TEST(Peer, OfALinkKeepsTheLinksName) {
  EXPECT_EQ(PeerName("ipv6:%5Bfe80::1%25eth0%5D:5555"), "fe80::1%eth0");
  EXPECT_EQ(PeerName("ipv6:%5Bfe80::1%5D:5555"), "fe80::1");
}

TEST(Peer, IsOneForAllUnixSockets) {
  EXPECT_EQ(PeerName("unix:"), "unix");
  EXPECT_EQ(PeerName("unix:/run/caller.sock"), "unix");
  EXPECT_EQ(PeerName("unix-abstract:caller"), "unix");
}

TEST(Peer, OfAnotherKindIsToldApartByAllItSays) {
  EXPECT_EQ(PeerName("inproc"), "inproc");
  EXPECT_EQ(PeerName(""), "");
  EXPECT_EQ(PeerName("ipv6:"), "");
  EXPECT_EQ(PeerName("ipv6:%5B::1"), "[::1");
  EXPECT_EQ(PeerName("ipv6:%5"), "%5");
}

}  // namespace
}  // namespace rpc
