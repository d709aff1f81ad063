#include "xmpp/payload/stanza_id.h"

namespace rookery {

const xml::Name StanzaId::name{"urn:xmpp:sid:0", "stanza-id"};
const xml::Name OriginId::name{"urn:xmpp:sid:0", "origin-id"};

std::optional<StanzaId> StanzaId::parse(xml::View element) {
    const auto id = element.attr_or("id", "");
    if (!element.is(name) || id.empty()) return std::nullopt;
    auto by = Jid::parse(element.attr_or("by", ""));
    if (!by) return std::nullopt;
    return StanzaId(std::string(id), std::move(*by));
}

xml::Element StanzaId::to_xml() const { return xml::Element(name).set("id", id).set("by", by.str()).moved(); }

void StanzaId::add_to(xml::Element& stanza, std::string_view id, const Jid& by) {
    stanza.add_child(name, {{"id", id}, {"by", by.str()}});
}

std::size_t StanzaId::remove_from(xml::Element& stanza, const Jid& by) {
    return stanza.remove_children([&](xml::View child) {
        if (!child.is(name)) return false;
        const auto claim = parse(child);
        return !claim || claim->by == by;
    });
}

std::optional<OriginId> OriginId::parse(xml::View element) {
    const auto id = element.attr_or("id", "");
    if (!element.is(name) || id.empty()) return std::nullopt;
    return OriginId(std::string(id));
}

xml::Element OriginId::to_xml() const { return xml::Element(name).set("id", id).moved(); }

}  // namespace rookery
