// Both halves of XEP-0198 as a client keeps them, without resumption: what arrived, and which of the stanzas sent the
// server has not acknowledged yet. Counting starts with <enable/> sent and <enabled/> received.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace rookery::bench {

class Acknowledgements {
public:
    static constexpr std::string_view kEnable = "<enable xmlns='urn:xmpp:sm:3'/>";
    static constexpr std::string_view kEnableResumption = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
    static constexpr std::string_view kRequest = "<r xmlns='urn:xmpp:sm:3'/>";

    void sent(bool is_message) { unacknowledged_.push_back(is_message); }
    // <enabled/> came: what came before does not count.
    void enabled() { received_ = 0; }
    void received() { ++received_; }
    std::string answer() const { return "<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(received_) + "'/>"; }

    // How many messages an <a/> acknowledges that none did before; nothing: it counts more than was sent.
    std::optional<std::uint32_t> accept(std::string_view element);

private:
    std::uint32_t received_ = 0;
    std::uint32_t acknowledged_ = 0;
    std::deque<bool> unacknowledged_;  // in the order of sending; true for a message
};

}  // namespace rookery::bench
