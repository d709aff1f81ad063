#include "c2s/network_gate.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

// How many of many come in at that time.
int admitted(NetworkGate& gate, const char* address, unsigned a_second, SteadyTime now) {
    int all = 0;
    for (int i = 0; i < 1'000; ++i) all += gate.admits(ip(address), a_second, now);
    return all;
}

constexpr SteadyTime noon{Seconds(100'000)};

TEST(NetworkGate, TenSecondsWorthAtOnceThenTheRate) {
    NetworkGate gate;
    EXPECT_EQ(admitted(gate, "192.0.2.1", 5, noon), 50);
    EXPECT_EQ(admitted(gate, "192.0.2.1", 5, noon + Seconds(1)), 5);
    EXPECT_EQ(admitted(gate, "192.0.2.1", 5, noon + Seconds(100)), 50);
    EXPECT_EQ(gate.counts().refused, 2'895u);
}

TEST(NetworkGate, ANetworkIsA24OrA56) {
    NetworkGate gate;
    EXPECT_EQ(admitted(gate, "192.0.2.1", 1, noon), 10);
    EXPECT_EQ(admitted(gate, "192.0.2.254", 1, noon), 0);
    EXPECT_EQ(admitted(gate, "192.0.3.1", 1, noon), 10);
    EXPECT_EQ(admitted(gate, "2001:db8:0:ff::1", 1, noon), 10);
    EXPECT_EQ(admitted(gate, "2001:db8:0:01:2::3", 1, noon), 0);
    EXPECT_EQ(admitted(gate, "2001:db8:0:100::1", 1, noon), 10);
    EXPECT_EQ(gate.now().length, 4u);
}

TEST(NetworkGate, NoRateAdmitsAll) {
    NetworkGate gate;
    EXPECT_EQ(admitted(gate, "192.0.2.1", 0, noon), 1'000);
    EXPECT_EQ(gate.now().length, 0u);
}

IpAddress numbered(unsigned network) {
    IpAddress address = ip("10.0.0.1");
    address.bytes[13] = static_cast<std::uint8_t>(network >> 8);
    address.bytes[14] = static_cast<std::uint8_t>(network);
    return address;
}

TEST(NetworkGate, TheTableIsBoundedAndForgets) {
    NetworkGate gate;
    for (unsigned i = 0; i < 11'000; ++i) EXPECT_TRUE(gate.admits(numbered(i), 1, noon));
    EXPECT_EQ(gate.now().length, NetworkGate::max_networks);
    EXPECT_EQ(admitted(gate, "10.0.0.1", 1, noon), 9);  // those that were counted still are
    EXPECT_TRUE(gate.admits(ip("192.0.2.1"), 1, noon + Seconds(2)));
    EXPECT_LE(gate.now().length, 2u);
}

}  // namespace
}  // namespace rookery
