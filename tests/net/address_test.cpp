#include "net/address.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

bool contains(const char* range, const char* address) {
    const auto parsed = IpRange::parse(range);
    return parsed && parsed->contains(*IpAddress::parse(address));
}

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
    EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
    EXPECT_EQ(IpAddress::parse("2001:DB8::1")->to_string(), "2001:db8::1");
    EXPECT_TRUE(IpAddress::parse("::ffff:192.0.2.1")->is_v4());
    EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::parse("192.0.2.1"));
    EXPECT_FALSE(IpAddress::parse("::1")->is_v4());
}

TEST(IpAddress, RefusesWhatIsNoAddress) {
    using namespace std::string_view_literals;
    for (std::string_view text : {""sv, "192.0.2"sv, "192.0.2.256"sv, "01.2.3.4"sv, "example.org"sv, "[::1]"sv,
                                  "::1%lo"sv, "192.0.2.1 "sv, "1.2.3.4\0"sv, "1.2.3.4/8"sv}) {
        EXPECT_FALSE(IpAddress::parse(text)) << text;
    }
    EXPECT_FALSE(IpAddress::parse(std::string(1000, '1')));
}

TEST(IpAddress, LimitsCountByAddressOrBySlash64) {
    const auto prefix = [](const char* text) { return IpAddress::parse(text)->client_prefix().to_string(); };
    EXPECT_EQ(prefix("192.0.2.1"), "192.0.2.1");
    EXPECT_EQ(prefix("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
}

TEST(IpAddress, ANetworkIsASlash24OrASlash56) {
    const auto network = [](const char* text) { return IpAddress::parse(text)->network().to_string(); };
    EXPECT_EQ(network("192.0.2.1"), "192.0.2.0");
    EXPECT_EQ(network("2001:db8:1:2ff:3:4:5:6"), "2001:db8:1:200::");
}

TEST(Endpoint, IsPrintedAsPeopleWriteIt) {
    EXPECT_EQ((Endpoint{*IpAddress::parse("192.0.2.1"), 5222}.to_string()), "192.0.2.1:5222");
    EXPECT_EQ((Endpoint{*IpAddress::parse("2001:db8::1"), 5222}.to_string()), "[2001:db8::1]:5222");
}

TEST(IpRange, ContainsWhatItsPrefixSays) {
    EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
    EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
    EXPECT_TRUE(contains("10.16.0.0/12", "10.31.255.255"));
    EXPECT_FALSE(contains("10.16.0.0/12", "10.32.0.0"));
    EXPECT_TRUE(contains("192.0.2.1", "192.0.2.1"));
    EXPECT_FALSE(contains("192.0.2.1", "192.0.2.2"));
    EXPECT_TRUE(contains("0.0.0.0/0", "203.0.113.7"));
    EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
    EXPECT_TRUE(contains("::/0", "203.0.113.7"));
    EXPECT_TRUE(contains("2001:db8::/32", "2001:db8:ffff::1"));
    EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
}

TEST(IpRange, RefusesSlipsOfThePen) {
    for (const char* text : {"10.0.0.1/8", "10.0.0.0/33", "2001:db8::/129", "10.0.0.0/", "10.0.0.0/a", "10.0.0.0/-1",
                             "10.0.0.0/8x", "/8", "2001:db8::1/64"}) {
        EXPECT_FALSE(IpRange::parse(text)) << text;
    }
}

}  // namespace
}  // namespace rookery
