// XEP-0359: ids of a stanza that stay the same wherever it is shown.
#pragma once

#include <optional>
#include <string>

#include "xmpp/jid.h"
#include "xmpp/xml/element.h"

namespace rookery {

// What an archive calls a stanza. Only believed from the entity it names: remove what others claim first.
struct StanzaId {
    static const xml::Name name;

    std::string id;
    Jid by;

    StanzaId(std::string stanza_id, Jid assigned_by) : id(std::move(stanza_id)), by(std::move(assigned_by)) {}

    static std::optional<StanzaId> parse(xml::View element);  // nullopt: another element, no id, no or a malformed 'by'
    xml::Element to_xml() const;
    static void add_to(xml::Element& stanza, std::string_view id, const Jid& by);

    // Removes from the stanza every claim to be `by`'s id, and those too broken to tell; returns how many.
    static std::size_t remove_from(xml::Element& stanza, const Jid& by);
};

// What the sending client calls a stanza.
struct OriginId {
    static const xml::Name name;

    std::string id;

    explicit OriginId(std::string origin_id) : id(std::move(origin_id)) {}

    static std::optional<OriginId> parse(xml::View element);  // nullopt: another element, or no id
    xml::Element to_xml() const;
};

}  // namespace rookery
