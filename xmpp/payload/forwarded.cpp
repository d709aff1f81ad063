#include "xmpp/payload/forwarded.h"

namespace rookery {
namespace {

constexpr const char* forward_ns = "urn:xmpp:forward:0";
const xml::Name message_name{"jabber:client", "message"};

void put(xml::Element& element, std::string_view attribute, std::string_view value) {
    if (value.empty())
        element.unset(attribute);
    else
        element.set(attribute, value);
}

}  // namespace

const xml::Name Forwarded::name{forward_ns, "forwarded"};

xml::Element Forwarded::wrap(const Stanza& message, const Jid& to, const std::optional<Delay>& delay) {
    xml::Element inner(message.element());
    put(inner, "from", message.from.str());
    put(inner, "to", to.empty() ? message.to.str() : to.str());
    put(inner, "id", message.id);
    put(inner, "type", message.message_type() == MessageType::normal ? "" : to_string(message.message_type()));
    put(inner, "xml:lang", message.lang());
    xml::Element forwarded(name);
    if (delay) forwarded.add(delay->to_xml());
    return forwarded.add(inner).moved();
}

xml::View Forwarded::message_in(xml::View forwarded) {
    return forwarded.is(name) ? forwarded.child(message_name) : xml::View();
}

}  // namespace rookery
