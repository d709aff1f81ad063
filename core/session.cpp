#include "core/session.h"

#include <cassert>
#include <charconv>

namespace rookery {
namespace {

const xml::Name priority_name{"jabber:client", "priority"};

}  // namespace

std::optional<std::int8_t> read_priority(const Stanza& presence) {
    const xml::View element = presence.child(priority_name);
    if (!element) return std::int8_t{0};
    const std::string text = element.text();
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool valid = error == std::errc{} && end == text.data() + text.size() && value >= -128 && value <= 127;
    if (!valid) return std::nullopt;
    return static_cast<std::int8_t>(value);
}

void Session::set_presence(StanzaPtr presence) {
    assert(presence->is_presence());
    if (presence->presence_type() == PresenceType::available) {
        priority_ = read_priority(*presence).value_or(std::int8_t{0});
        presence_ = std::move(presence);
    } else {
        priority_ = 0;
        presence_ = nullptr;
    }
}

void Session::release() {
    assert(holds_ > 0);
    if (--holds_ == 0 && alive_) input_released();
}

}  // namespace rookery
