#include "bench/load/label.h"

#include <algorithm>
#include <charconv>

namespace rookery::bench {

namespace {

constexpr std::size_t kNumberDigits = 10;

bool take_number(std::string_view& text, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    return true;
}

}  // namespace

std::string digits(std::uint64_t number) {
    std::string text = std::to_string(number);
    return std::string(kNumberDigits - std::min(text.size(), kNumberDigits), '0') + text;
}

std::string make_label(std::string_view run, std::uint64_t sender, std::uint64_t number) {
    return std::string(run) + ' ' + digits(sender) + ' ' + digits(number) + ' ';
}

std::optional<Label> read_label(std::string_view text) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    Label label;
    label.run = text.substr(0, space);
    text.remove_prefix(space + 1);
    if (!take_number(text, label.sender) || !take_number(text, label.number)) return std::nullopt;
    return label;
}

std::string make_filler(std::size_t bytes) {
    constexpr std::string_view kWords = "this &amp; that is what I meant, and here is some more of it so that ";
    std::string filler;
    while (filler.size() < bytes) filler += kWords.substr(filler.empty() ? 0 : 11);
    if (bytes < kWords.size()) return std::string(bytes, '.');
    filler.resize(bytes);
    return filler;
}

}  // namespace rookery::bench
