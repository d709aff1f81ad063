#include "core/session.h"

#include <cassert>
#include <charconv>

namespace rookery {
namespace {

const xml::Name priority_name{"jabber:client", "priority"};

// RFC 6121 4.7.2.3: an integer from -128 to 127; anything else counts as zero.
std::int8_t priority_of(const Stanza& presence) {
    const std::string text = presence.child(priority_name).text();
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool valid = error == std::errc{} && end == text.data() + text.size() && value >= -128 && value <= 127;
    return valid ? static_cast<std::int8_t>(value) : std::int8_t{0};
}

}  // namespace

void Session::set_presence(StanzaPtr presence) {
    assert(presence->is_presence());
    if (presence->presence_type() == PresenceType::available) {
        priority_ = priority_of(*presence);
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
