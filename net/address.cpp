#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/number.h"

namespace rookery {
namespace {

constexpr std::size_t v4_offset = 12;
constexpr unsigned v4_prefix_bits = 96;

IpAddress map_v4(const void* four_bytes) {
    IpAddress address;
    address.bytes[10] = address.bytes[11] = 0xff;
    std::memcpy(address.bytes.data() + v4_offset, four_bytes, 4);
    return address;
}

// Bit `index` of the address counted from its front.
bool bit(const IpAddress& address, unsigned index) { return address.bytes[index / 8] >> (7 - index % 8) & 1; }

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    // inet_pton wants a terminated string; an address is never longer than this.
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.empty() || text.size() >= terminated.size() || text.find('\0') != text.npos) return std::nullopt;
    std::copy(text.begin(), text.end(), terminated.begin());
    in_addr v4{};
    if (::inet_pton(AF_INET, terminated.data(), &v4) == 1) return map_v4(&v4);
    IpAddress address;
    if (::inet_pton(AF_INET6, terminated.data(), address.bytes.data()) == 1) return address;
    return std::nullopt;
}

bool IpAddress::is_v4() const {
    constexpr std::array<std::uint8_t, v4_offset> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::equal(mapped.begin(), mapped.end(), bytes.begin());
}

IpAddress IpAddress::client_prefix() const { return is_v4() ? *this : first_bytes(8); }

IpAddress IpAddress::network() const { return first_bytes(is_v4() ? v4_offset + 3 : 7); }

IpAddress IpAddress::first_bytes(std::size_t count) const {
    IpAddress prefix = *this;
    std::fill(prefix.bytes.begin() + static_cast<std::ptrdiff_t>(count), prefix.bytes.end(), std::uint8_t{0});
    return prefix;
}

std::string IpAddress::to_string() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const bool v4 = is_v4();
    ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes.data() + (v4 ? v4_offset : 0), text.data(), text.size());
    return text.data();
}

Endpoint Endpoint::from_sockaddr(const sockaddr_storage& address) {
    Endpoint endpoint;
    if (address.ss_family == AF_INET) {
        const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
        endpoint.ip = map_v4(&v4.sin_addr);
        endpoint.port = ntohs(v4.sin_port);
    } else if (address.ss_family == AF_INET6) {
        const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
        std::memcpy(endpoint.ip.bytes.data(), &v6.sin6_addr, endpoint.ip.bytes.size());
        endpoint.port = ntohs(v6.sin6_port);
    }
    return endpoint;
}

std::string Endpoint::to_string() const {
    const std::string port_text = std::to_string(port);
    if (ip.is_v4()) return ip.to_string() + ":" + port_text;
    return "[" + ip.to_string() + "]:" + port_text;
}

std::optional<IpRange> IpRange::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::optional<IpAddress> base = IpAddress::parse(text.substr(0, slash));
    if (!base) return std::nullopt;
    IpRange range;
    range.base_ = *base;
    if (slash == text.npos) return range;

    const bool v4 = text.find(':') == text.npos;
    const auto prefix = parse_number<unsigned>(text.substr(slash + 1));
    if (!prefix || *prefix > (v4 ? 32u : 128u)) return std::nullopt;
    range.prefix_bits_ = *prefix + (v4 ? v4_prefix_bits : 0);
    for (unsigned i = range.prefix_bits_; i < 128; ++i) {
        if (bit(range.base_, i)) return std::nullopt;
    }
    return range;
}

bool IpRange::contains(const IpAddress& address) const {
    const unsigned whole = prefix_bits_ / 8, rest = prefix_bits_ % 8;
    if (!std::equal(base_.bytes.begin(), base_.bytes.begin() + whole, address.bytes.begin())) return false;
    return rest == 0 || (base_.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0;
}

}  // namespace rookery
