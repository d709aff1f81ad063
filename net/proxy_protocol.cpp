#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>

#include "base/number.h"

namespace rookery {
namespace {

using Status = ProxyHeader::Status;

constexpr std::string_view v1_start = "PROXY ";
constexpr std::size_t v1_limit = 107;  // with its CR LF
constexpr std::string_view v2_start("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t v2_fixed_bytes = 16;

constexpr ProxyHeader invalid{Status::invalid, 0, std::nullopt};
constexpr ProxyHeader incomplete{Status::incomplete, 0, std::nullopt};

bool begins_alike(std::string_view bytes, std::string_view start) {
    const std::size_t common = std::min(bytes.size(), start.size());
    return bytes.substr(0, common) == start.substr(0, common);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    const bool leading_zero = text.size() > 1 && text.front() == '0';
    return leading_zero ? std::nullopt : parse_number<std::uint16_t>(text);
}

// Five fields with one space between: TCP4 source destination source-port destination-port.
std::optional<Endpoint> parse_v1_source(std::string_view line) {
    std::array<std::string_view, 5> fields;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        const std::size_t space = i + 1 < fields.size() ? line.find(' ') : line.size();
        if (space == line.npos) return std::nullopt;
        fields[i] = line.substr(0, space);
        line.remove_prefix(std::min(line.size(), space + 1));
    }
    const bool v4 = fields[0] == "TCP4";
    if (!v4 && fields[0] != "TCP6") return std::nullopt;
    const std::optional<IpAddress> source = IpAddress::parse(fields[1]), destination = IpAddress::parse(fields[2]);
    const std::optional<std::uint16_t> source_port = parse_port(fields[3]), destination_port = parse_port(fields[4]);
    if (!source || !destination || !source_port || !destination_port) return std::nullopt;
    const auto of_family = [v4](std::string_view text) { return (text.find(':') == text.npos) == v4; };
    if (!of_family(fields[1]) || !of_family(fields[2])) return std::nullopt;
    return Endpoint{*source, *source_port};
}

ProxyHeader parse_v1(std::string_view bytes) {
    const std::size_t end = bytes.substr(0, v1_limit).find("\r\n");
    if (end == bytes.npos) return bytes.size() < v1_limit ? incomplete : invalid;
    const std::size_t length = end + 2;
    const std::string_view line = bytes.substr(v1_start.size(), end - v1_start.size());
    // The rest of an UNKNOWN line is to be ignored (section 2.1).
    if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return {Status::complete, length, std::nullopt};
    const std::optional<Endpoint> source = parse_v1_source(line);
    if (!source) return invalid;
    return {Status::complete, length, source};
}

unsigned byte_at(std::string_view bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::uint16_t port_at(std::string_view bytes, std::size_t at) {
    return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

// Addresses of version 2: source, destination, source port, destination port; then TLVs, which we pass over.
std::optional<Endpoint> parse_v2_source(std::string_view addresses, bool v4) {
    const std::size_t address_bytes = v4 ? 4 : 16;
    if (addresses.size() < 2 * address_bytes + 4) return std::nullopt;
    Endpoint source;
    if (v4) source.ip.bytes[10] = source.ip.bytes[11] = 0xff;
    std::copy_n(addresses.begin(), address_bytes, source.ip.bytes.begin() + (v4 ? 12 : 0));
    source.port = port_at(addresses, 2 * address_bytes);
    return source;
}

ProxyHeader parse_v2(std::string_view bytes) {
    enum Command : unsigned { local = 0, proxy = 1 };
    enum Family : unsigned { unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21 };
    if (bytes.size() < v2_fixed_bytes) return incomplete;
    const unsigned version = byte_at(bytes, 12) >> 4, command = byte_at(bytes, 12) & 0xf;
    const unsigned family = byte_at(bytes, 13);
    const std::size_t length = v2_fixed_bytes + port_at(bytes, 14);
    if (version != 2 || command > proxy || length > proxy_header_limit) return invalid;
    if (bytes.size() < length) return incomplete;
    if (command == local || family == unspecified) return {Status::complete, length, std::nullopt};
    if (family != tcp4 && family != tcp6) return invalid;
    const std::optional<Endpoint> source =
        parse_v2_source(bytes.substr(v2_fixed_bytes, length - v2_fixed_bytes), family == tcp4);
    if (!source) return invalid;
    return {Status::complete, length, source};
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
    if (bytes.empty()) return incomplete;
    if (begins_alike(bytes, v2_start)) return parse_v2(bytes);
    if (begins_alike(bytes, v1_start)) return parse_v1(bytes);
    return invalid;
}

}  // namespace rookery
