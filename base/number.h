// Numbers in text.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>

namespace rookery {

// The whole text must be the number, in decimal, and fit: no sign but a minus, no white space, nothing behind it.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
    Number number{};
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || read != end) return std::nullopt;
    return number;
}

}  // namespace rookery
