// XEP-0203: a stanza is delivered later than it was sent.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "xmpp/jid.h"
#include "xmpp/xml/element.h"

namespace rookery {

struct Delay {
    static const xml::Name name;

    WallTime stamp;
    Jid from;            // who kept it; empty: not said
    std::string reason;  // for people; usually empty

    explicit Delay(WallTime sent, Jid kept_by = {}, std::string why = {})
        : stamp(sent), from(std::move(kept_by)), reason(std::move(why)) {}

    // nullopt: another element, no readable stamp, or a malformed 'from'.
    static std::optional<Delay> parse(xml::View element);
    xml::Element to_xml() const;
};

}  // namespace rookery
