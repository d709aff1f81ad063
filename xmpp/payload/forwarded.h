// XEP-0297: a message inside another stanza.
#pragma once

#include <optional>

#include "xmpp/payload/delay.h"
#include "xmpp/stanza.h"

namespace rookery {

struct Forwarded {
    static const xml::Name name;

    // <forwarded/> around the message, as it would be written to `to` (empty: to its own). `delay`: when it was sent or received.
    static xml::Element wrap(const Stanza& message, const Jid& to = {}, const std::optional<Delay>& delay = std::nullopt);
    // The message in it; empty: another element, or there is none.
    static xml::View message_in(xml::View forwarded);
};

}  // namespace rookery
