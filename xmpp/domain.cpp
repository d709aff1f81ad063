#include "xmpp/domain.h"

#include <arpa/inet.h>
#include <idn2.h>

#include <algorithm>
#include <array>
#include <memory>

namespace rookery {
namespace {

constexpr std::size_t max_input_bytes = 1'023;
constexpr std::size_t max_ascii_bytes = 253;
constexpr std::size_t max_label_bytes = 63;
constexpr int idn_flags = IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL;

struct Free {
    void operator()(void* memory) const { idn2_free(memory); }
};

bool is_host_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_ascii_label(std::string_view label) {
    return !label.empty() && label.size() <= max_label_bytes && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), is_host_char);
}

// Letters, digits, hyphens and (seen in the wild) underscores; lower case already.
bool is_ascii_domain(std::string_view name) {
    if (name.empty() || name.size() > max_ascii_bytes) return false;
    for (std::size_t start = 0; start <= name.size();) {
        const auto dot = std::min(name.find('.', start), name.size());
        if (!is_ascii_label(name.substr(start, dot - start))) return false;
        start = dot + 1;
    }
    return true;
}

// "xn--..." and whatever else has hyphens there may stand for something else.
bool has_reserved_label(std::string_view name) {
    for (std::size_t start = 0; start < name.size();) {
        if (name.substr(start).size() > 3 && name.substr(start + 2, 2) == "--") return true;
        start = std::min(name.find('.', start), name.size()) + 1;
    }
    return false;
}

std::string without_trailing_dot(std::string name) {
    if (!name.empty() && name.back() == '.') name.pop_back();
    return name;
}

std::optional<std::string> to_ascii(const std::string& name) {
    std::uint8_t* raw = nullptr;
    const auto* source = reinterpret_cast<const std::uint8_t*>(name.c_str());
    if (idn2_lookup_u8(source, &raw, idn_flags) != IDN2_OK) return std::nullopt;
    const std::unique_ptr<std::uint8_t, Free> result(raw);
    auto ascii = without_trailing_dot(reinterpret_cast<const char*>(result.get()));
    std::transform(ascii.begin(), ascii.end(), ascii.begin(), lower);
    return is_ascii_domain(ascii) ? std::optional(std::move(ascii)) : std::nullopt;
}

std::optional<std::string> to_unicode(const std::string& ascii) {
    char* raw = nullptr;
    if (idn2_to_unicode_8z8z(ascii.c_str(), &raw, 0) != IDN2_OK) return std::nullopt;
    const std::unique_ptr<char, Free> result(raw);
    return std::string(result.get());
}

bool is_plain(char c) { return is_host_char(c) || c == '.' || static_cast<unsigned char>(c) >= 0x80; }

std::optional<std::string> international_domain(std::string_view text) {
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    const auto ascii = to_ascii(std::string(text));
    if (!ascii) return std::nullopt;
    auto name = to_unicode(*ascii);
    if (!name || name->size() > max_input_bytes || !std::all_of(name->begin(), name->end(), is_plain)) {
        return std::nullopt;
    }
    if (to_ascii(*name) != ascii) return std::nullopt;  // must be stable, or two spellings would be two addresses
    return name;
}

std::optional<std::string> ipv6_literal(std::string_view text) {
    if (text.size() < 2 || text.back() != ']') return std::nullopt;
    const std::string address(text.substr(1, text.size() - 2));
    std::array<unsigned char, sizeof(in6_addr)> bytes;
    std::array<char, INET6_ADDRSTRLEN> normal;
    if (address.size() != std::char_traits<char>::length(address.c_str())) return std::nullopt;
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) return std::nullopt;
    if (!inet_ntop(AF_INET6, bytes.data(), normal.data(), normal.size())) return std::nullopt;
    return "[" + std::string(normal.data()) + "]";
}

}  // namespace

std::optional<std::string> normal_domain(std::string_view text) {
    if (text.empty() || text.size() > max_input_bytes) return std::nullopt;
    if (text.front() == '[') return ipv6_literal(text);
    auto name = without_trailing_dot(std::string(text));
    std::transform(name.begin(), name.end(), name.begin(), lower);
    if (is_ascii_domain(name) && !has_reserved_label(name)) return name;
    return international_domain(text);
}

std::string ascii_domain(std::string_view normal) {
    const std::string name(normal);
    if (std::all_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return name;
    return to_ascii(name).value_or(name);
}

}  // namespace rookery
