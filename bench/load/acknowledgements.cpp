#include "bench/load/acknowledgements.h"

#include <charconv>

#include "bench/load/xml_scan.h"

namespace rookery::bench {

std::optional<std::uint32_t> Acknowledgements::accept(std::string_view element) {
    const std::string_view text = attribute(element, "h");
    std::uint32_t h = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), h);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    const std::uint32_t news = h - acknowledged_;  // modulo 2^32, as the XEP counts
    if (news > unacknowledged_.size()) return std::nullopt;
    acknowledged_ = h;
    std::uint32_t messages = 0;
    for (std::uint32_t i = 0; i < news; ++i) {
        messages += unacknowledged_.front() ? 1 : 0;
        unacknowledged_.pop_front();
    }
    return messages;
}

}  // namespace rookery::bench
