// Internet addresses as values: what a peer is called in limits, lists and the log.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

struct sockaddr_storage;

namespace rookery {

// An IPv4 or IPv6 address; IPv4 is kept in its mapped form (::ffff:a.b.c.d), so one family compares with the other.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};

    // Numeric text only, no names, brackets or zones; IPv4 text gives the mapped form.
    static std::optional<IpAddress> parse(std::string_view text);

    bool is_v4() const;
    // What a limit per client counts by: the address itself for IPv4, its /64 for IPv6.
    IpAddress client_prefix() const;
    // What a limit per network counts by: the /24 of IPv4, the /56 of IPv6 that a household or a company has.
    IpAddress network() const;
    std::string to_string() const;  // IPv4 without the ::ffff: prefix

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

private:
    IpAddress first_bytes(std::size_t count) const;  // zeros behind them
};

struct Endpoint {
    IpAddress ip;
    std::uint16_t port = 0;

    static Endpoint from_sockaddr(const sockaddr_storage& address);  // other families give [::]:0
    std::string to_string() const;                                   // "192.0.2.1:5222", "[2001:db8::1]:5222"

    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// A CIDR range: "10.0.0.0/8", "2001:db8::/32", or one address.
class IpRange {
public:
    // Refuses prefixes longer than the address and bits set past the prefix ("10.0.0.1/8" is a slip of the pen).
    static std::optional<IpRange> parse(std::string_view text);

    bool contains(const IpAddress& address) const;

private:
    IpAddress base_;
    unsigned prefix_bits_ = 128;  // of the mapped form
};

}  // namespace rookery

template <>
struct std::hash<rookery::IpAddress> {
    std::size_t operator()(const rookery::IpAddress& address) const noexcept {
        return std::hash<std::string_view>{}(
            std::string_view(reinterpret_cast<const char*>(address.bytes.data()), address.bytes.size()));
    }
};
