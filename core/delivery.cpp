#include "core/delivery.h"

namespace rookery {
namespace {

using Verdict = Delivery::Verdict;

// RFC 6121 8.5.2.1.1 (b): every resource that wants messages, so that no device is left out.
Delivery::Sessions willing_sessions(const Account& account) {
    Delivery::Sessions willing;
    for (const SessionPtr& session : account.sessions())
        if (session->available() && session->priority() >= 0) willing.push_back(session);
    return willing;
}

Delivery::Sessions available_sessions(const Account& account) {
    Delivery::Sessions available;
    for (const SessionPtr& session : account.sessions())
        if (session->available()) available.push_back(session);
    return available;
}

Delivery message_to_nobody(MessageType type) {
    switch (type) {
        case MessageType::headline:
        case MessageType::error: return {Verdict::ignore, "RFC 6121 8.5.2.2.1", {}};
        case MessageType::groupchat: return {Verdict::refuse, "RFC 6121 8.5.2.2.1", {}};
        case MessageType::normal:
        case MessageType::chat: break;
    }
    return {Verdict::undelivered, "RFC 6121 8.5.2.2.1", {}};
}

Delivery message_to_bare(const Account& account, MessageType type) {
    if (type == MessageType::error) return {Verdict::ignore, "RFC 6121 8.5.2.1.1", {}};
    if (type == MessageType::groupchat) return {Verdict::refuse, "RFC 6121 8.5.2.1.1", {}};
    Delivery::Sessions willing = willing_sessions(account);
    if (willing.empty()) return message_to_nobody(type);
    return {Verdict::sessions, "RFC 6121 8.5.2.1.1", std::move(willing)};
}

Delivery message_to_missing_resource(const Account& account, MessageType type) {
    switch (type) {
        case MessageType::chat: return message_to_bare(account, type);
        case MessageType::headline:
        case MessageType::error: return {Verdict::ignore, "RFC 6121 8.5.3.2.1", {}};
        case MessageType::normal:
        case MessageType::groupchat: break;
    }
    return {Verdict::refuse, "RFC 6121 8.5.3.2.1", {}};
}

Delivery presence_to_bare(const Account& account, PresenceType type) {
    if (type == PresenceType::probe) return {Verdict::ignore, "RFC 6121 8.5.2.1.2: probes are answered by presence", {}};
    return {Verdict::sessions, "RFC 6121 8.5.2.1.2", available_sessions(account)};
}

}  // namespace

Delivery decide_delivery(const Account& account, const Stanza& stanza, const Jid& to) {
    // What is sent to a user who does not exist goes the way of what is sent to one who is away and hides from the
    // sender: it must neither look different nor take another time.
    if (!account.exists() && stanza.is_presence()) return {Verdict::ignore, "RFC 6121 8.5.1", {}};
    if (to.is_full()) {
        if (SessionPtr session = account.find_session(to.resource()))
            return {Verdict::sessions, "RFC 6121 8.5.3.1", {std::move(session)}};
        if (stanza.is_message()) return message_to_missing_resource(account, stanza.message_type());
        return {stanza.is_request() ? Verdict::refuse : Verdict::ignore, "RFC 6121 8.5.3.2", {}};
    }
    switch (stanza.kind()) {
        case StanzaKind::message: return message_to_bare(account, stanza.message_type());
        case StanzaKind::presence: return presence_to_bare(account, stanza.presence_type());
        case StanzaKind::iq: break;
    }
    return {stanza.is_request() ? Verdict::answer : Verdict::ignore, "RFC 6121 8.5.2.1.3", {}};
}

}  // namespace rookery
