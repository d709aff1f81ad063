#include "net/proxy_protocol.h"

#include <gtest/gtest.h>

#include <string>

namespace rookery {
namespace {

using Status = ProxyHeader::Status;

std::string v2(unsigned char version_and_command, unsigned char family, const std::string& rest) {
    std::string header("\r\n\r\n\0\r\nQUIT\n", 12);
    header += static_cast<char>(version_and_command);
    header += static_cast<char>(family);
    header += static_cast<char>(rest.size() >> 8);
    header += static_cast<char>(rest.size() & 0xff);
    return header + rest;
}

const std::string v4_addresses("\xc0\x00\x02\x01\xc6\x33\x64\x01\x12\x34\x14\x66", 12);

TEST(ProxyProtocol, ReadsVersion1) {
    const std::string line = "PROXY TCP4 192.0.2.1 198.51.100.1 4660 5222\r\n";
    const ProxyHeader header = parse_proxy_header(line + "<stream");
    ASSERT_EQ(header.status, Status::complete);
    EXPECT_EQ(header.length, line.size());
    EXPECT_EQ(header.source->to_string(), "192.0.2.1:4660");

    const ProxyHeader v6 = parse_proxy_header("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n");
    ASSERT_EQ(v6.status, Status::complete);
    EXPECT_EQ(v6.source->to_string(), "[2001:db8::1]:1");
}

TEST(ProxyProtocol, ReadsVersion1Unknown) {
    for (const char* line : {"PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 whatever 65535 99999999\r\n"}) {
        const ProxyHeader header = parse_proxy_header(line);
        EXPECT_EQ(header.status, Status::complete) << line;
        EXPECT_FALSE(header.source) << line;
    }
}

TEST(ProxyProtocol, RefusesGarbledVersion1) {
    for (const char* line :
         {"PROXY\r\n", "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 4660\r\n",
          "PROXY TCP4 192.0.2.1 198.51.100.1 4660 5222 1\r\n", "PROXY TCP4  192.0.2.1 198.51.100.1 4660 5222\r\n",
          "PROXY TCP4 192.0.2.1 198.51.100.1 4660 65536\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 04660 5222\r\n",
          "PROXY TCP4 192.0.2.1 198.51.100.1 -1 5222\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
          "PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4 example.org 198.51.100.1 1 2\r\n",
          "PROXY TCP5 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY UNKNOWNX\r\n", "proxy tcp4 ", "GET / HTTP/1.1\r\n",
          "<?xml version='1.0'?>", "\x16\x03\x01"}) {
        EXPECT_EQ(parse_proxy_header(line).status, Status::invalid) << line;
    }
    EXPECT_EQ(parse_proxy_header("PROXY TCP4 " + std::string(200, '1')).status, Status::invalid);
}

TEST(ProxyProtocol, ReadsVersion2) {
    const std::string bytes = v2(0x21, 0x11, v4_addresses);
    const ProxyHeader header = parse_proxy_header(bytes + "x");
    ASSERT_EQ(header.status, Status::complete);
    EXPECT_EQ(header.length, bytes.size());
    EXPECT_EQ(header.source->to_string(), "192.0.2.1:4660");

    std::string v6_addresses =
        "\x20\x01\x0d\xb8" + std::string(11, '\0') + "\x01" + std::string(16, '\0') + "\x12\x34zz";
    v6_addresses += "TLVs are passed over";
    const ProxyHeader v6 = parse_proxy_header(v2(0x21, 0x21, v6_addresses));
    ASSERT_EQ(v6.status, Status::complete);
    EXPECT_EQ(v6.source->to_string(), "[2001:db8::1]:4660");
}

TEST(ProxyProtocol, ReadsVersion2WithoutAnAddress) {
    for (const std::string& bytes : {v2(0x20, 0x00, ""), v2(0x20, 0x11, v4_addresses), v2(0x21, 0x00, "ignored")}) {
        const ProxyHeader header = parse_proxy_header(bytes);
        EXPECT_EQ(header.status, Status::complete);
        EXPECT_EQ(header.length, bytes.size());
        EXPECT_FALSE(header.source);
    }
}

TEST(ProxyProtocol, RefusesGarbledVersion2) {
    EXPECT_EQ(parse_proxy_header(v2(0x11, 0x11, v4_addresses)).status, Status::invalid);           // version
    EXPECT_EQ(parse_proxy_header(v2(0x22, 0x11, v4_addresses)).status, Status::invalid);           // command
    EXPECT_EQ(parse_proxy_header(v2(0x21, 0x12, v4_addresses)).status, Status::invalid);           // UDP
    EXPECT_EQ(parse_proxy_header(v2(0x21, 0x31, std::string(216, 'a'))).status, Status::invalid);  // Unix
    EXPECT_EQ(parse_proxy_header(v2(0x21, 0x11, v4_addresses.substr(1))).status, Status::invalid);
    EXPECT_EQ(parse_proxy_header(v2(0x21, 0x21, v4_addresses)).status, Status::invalid);
    EXPECT_EQ(parse_proxy_header(v2(0x21, 0x11, std::string(5000, 'a')).substr(0, 16)).status, Status::invalid);
}

TEST(ProxyProtocol, WaitsForTheRestOfEveryPrefix) {
    for (const std::string& whole :
         {std::string("PROXY TCP4 192.0.2.1 198.51.100.1 4660 5222\r\n"), v2(0x21, 0x11, v4_addresses)}) {
        for (std::size_t i = 0; i < whole.size(); ++i)
            EXPECT_EQ(parse_proxy_header(whole.substr(0, i)).status, Status::incomplete) << i;
        EXPECT_EQ(parse_proxy_header(whole).status, Status::complete);
    }
}

}  // namespace
}  // namespace rookery
