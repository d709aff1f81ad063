#include "bench/load/senders.h"

#include "bench/load/xml_scan.h"

namespace rookery::bench {

namespace {

constexpr std::string_view kPingId = "all-sent";

}  // namespace

void Senders::start() {
    while (started_ < count_ && started_ - done_ < options_.logins_in_flight) send_all(started_++);
}

void Senders::send_all(UserNumber sender) {
    conversation_.send_burst(sender, options_.each, fleet_.now());
    std::string ping = "<iq type='get' id='";
    ping.append(kPingId).append("' to='").append(options_.domain);
    fleet_.user(sender).send_stanza(ping + "'><ping xmlns='urn:xmpp:ping'/></iq>");
}

bool Senders::on_stanza(std::string_view stanza) {
    if (!stanza.starts_with("<iq") || attribute(stanza, "id") != kPingId) return false;
    ++done_;
    start();
    return true;
}

}  // namespace rookery::bench
