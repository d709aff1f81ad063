#include "base/bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace rookery {
namespace {

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::uint8_t no_digit = 0xFF;

constexpr std::array<std::uint8_t, 256> reverse(std::string_view alphabet) {
    std::array<std::uint8_t, 256> table{};
    table.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return table;
}
constexpr auto base64_values = reverse(base64_alphabet);

std::uint8_t base64_value(char c) { return base64_values[static_cast<unsigned char>(c)]; }
std::uint32_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

// The last, padded group: "xx==" or "xxx="; bits past the last byte must be zero.
bool decode_padded(std::string_view group, std::string& out) {
    const std::uint8_t a = base64_value(group[0]), b = base64_value(group[1]);
    if (a == no_digit || b == no_digit) return false;
    out.push_back(static_cast<char>(a << 2 | b >> 4));
    if (group[2] == '=') return (b & 0x0F) == 0;
    const std::uint8_t c = base64_value(group[2]);
    if (c == no_digit) return false;
    out.push_back(static_cast<char>((b << 4 | c >> 2) & 0xFF));
    return (c & 0x03) == 0;
}

bool decode_full(std::string_view group, std::string& out) {
    std::uint32_t bits = 0;
    for (char c : group) {
        const std::uint8_t value = base64_value(c);
        if (value == no_digit) return false;
        bits = bits << 6 | value;
    }
    out.push_back(static_cast<char>(bits >> 16));
    out.push_back(static_cast<char>(bits >> 8 & 0xFF));
    out.push_back(static_cast<char>(bits & 0xFF));
    return true;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

struct Utf8Lead {
    std::size_t length;       // 0: not a lead byte
    unsigned char low, high;  // range of the second byte: excludes overlong forms, surrogates, > U+10FFFF
};

Utf8Lead utf8_lead(unsigned char c) {
    if (c < 0x80) return {1, 0, 0};
    if (c < 0xC2) return {0, 0, 0};
    if (c < 0xE0) return {2, 0x80, 0xBF};
    if (c == 0xE0) return {3, 0xA0, 0xBF};
    if (c == 0xED) return {3, 0x80, 0x9F};
    if (c < 0xF0) return {3, 0x80, 0xBF};
    if (c == 0xF0) return {4, 0x90, 0xBF};
    if (c < 0xF4) return {4, 0x80, 0xBF};
    if (c == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

// Bytes of the character at `at`, 0 when there is none.
std::size_t utf8_character(std::string_view bytes, std::size_t at) {
    const Utf8Lead lead = utf8_lead(static_cast<unsigned char>(bytes[at]));
    if (lead.length < 2) return lead.length;
    if (bytes.size() - at < lead.length) return 0;
    const auto second = static_cast<unsigned char>(bytes[at + 1]);
    if (second < lead.low || second > lead.high) return 0;
    for (std::size_t i = 2; i < lead.length; ++i)
        if (begins_character(bytes[at + i])) return 0;
    return lead.length;
}

}  // namespace

std::string base64_encode(std::string_view bytes) {
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    std::size_t i = 0;
    for (; i + 2 < bytes.size(); i += 3) {
        const std::uint32_t bits = byte_at(bytes, i) << 16 | byte_at(bytes, i + 1) << 8 | byte_at(bytes, i + 2);
        for (int shift = 18; shift >= 0; shift -= 6) out.push_back(base64_alphabet[bits >> shift & 0x3F]);
    }
    const std::size_t rest = bytes.size() - i;
    if (rest == 0) return out;
    const std::uint32_t bits = byte_at(bytes, i) << 16 | (rest == 2 ? byte_at(bytes, i + 1) << 8 : 0);
    out.push_back(base64_alphabet[bits >> 18 & 0x3F]);
    out.push_back(base64_alphabet[bits >> 12 & 0x3F]);
    out.push_back(rest == 2 ? base64_alphabet[bits >> 6 & 0x3F] : '=');
    out.push_back('=');
    return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 4 * 3);
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const std::string_view group = text.substr(i, 4);
        const bool padded = i + 4 == text.size() && group[3] == '=';
        if (!(padded ? decode_padded(group, out) : decode_full(group, out))) return std::nullopt;
    }
    return out;
}

std::string hex_encode(std::string_view bytes) {
    std::string out;
    out.reserve(bytes.size() * 2);
    for (char c : bytes) {
        out.push_back(hex_digits[static_cast<unsigned char>(c) >> 4]);
        out.push_back(hex_digits[static_cast<unsigned char>(c) & 0x0F]);
    }
    return out;
}

std::optional<std::string> hex_decode(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::string out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(static_cast<char>(high << 4 | low));
    }
    return out;
}

bool is_valid_utf8(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t length = utf8_character(bytes, at);
        if (length == 0) return false;
        at += length;
    }
    return true;
}

bool is_xml_text(std::string_view bytes) {
    const auto is_refused = [](char c) {
        return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
    };
    return is_valid_utf8(bytes) && std::ranges::none_of(bytes, is_refused) &&
           bytes.find("\xEF\xBF\xBE") == bytes.npos && bytes.find("\xEF\xBF\xBF") == bytes.npos;
}

}  // namespace rookery
