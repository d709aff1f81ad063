#include "core/worth_keeping.h"

#include <algorithm>
#include <array>

namespace rookery {
namespace {

using Kind = Worth::Kind;

// Says nothing by itself: what accompanies a message, and what a client is doing at the moment.
bool is_passing(xml::View child) {
    static constexpr std::array<std::string_view, 5> namespaces = {
        "http://jabber.org/protocol/chatstates", "urn:xmpp:hints", "urn:xmpp:sid:0", "urn:xmpp:delay", "urn:xmpp:carbons:2",
    };
    return std::ranges::find(namespaces, child.ns()) != namespaces.end() || child.is("jabber:client", "thread");
}

bool says_something(const Stanza& message) {
    for (const xml::View child : message.element().children())
        if (!is_passing(child)) return true;
    return false;
}

}  // namespace

Worth worth_keeping(const Route& route) {
    const Stanza& message = *route.stanza;
    switch (message.message_type()) {
        case MessageType::error: return {Kind::not_kept, "error"};
        case MessageType::groupchat: return {Kind::not_kept, "groupchat"};
        case MessageType::headline:
            if (!route.store) return {Kind::not_kept, "headline"};
            break;
        case MessageType::normal:
        case MessageType::chat: break;
    }
    if (route.store) return {Kind::keep, "store hint"};
    if (!says_something(message)) return {Kind::passing, "no content"};
    if (route.no_store) return {Kind::not_kept, "no-store hint"};
    return {Kind::keep, "content"};
}

}  // namespace rookery
