// Message carbons (XEP-0280 1.0.1): a user's other clients get what one of them receives or sends. A copy carries the
// archive's id. A copy of what was received knows its place in the log: a client that acknowledges it has the message.
#include <algorithm>
#include <array>
#include <span>

#include "base/log.h"
#include "base/stamped_id.h"
#include "core/delivery.h"
#include "core/module.h"
#include "core/ticket.h"
#include "xmpp/payload/forwarded.h"
#include "xmpp/payload/stanza_id.h"

namespace rookery {
namespace {

constexpr const char* carbons_ns = "urn:xmpp:carbons:2";
const xml::Name enable_name{carbons_ns, "enable"};
const xml::Name disable_name{carbons_ns, "disable"};
const xml::Name private_name{carbons_ns, "private"};
const xml::Name sent_name{carbons_ns, "sent"};
const xml::Name received_name{carbons_ns, "received"};
const xml::Name body_name{"jabber:client", "body"};
const xml::Name muc_user_name{"http://jabber.org/protocol/muc#user", "x"};
const xml::Name muc_invite_name{"http://jabber.org/protocol/muc#user", "invite"};
const xml::Name conference_name{"jabber:x:conference", "x"};

// On a session whose client asked for copies.
struct WantsCarbons {};

// --- which messages (section 6.1) ---------------------------------------------------------------------------------

enum class Direction : std::uint8_t { sent, received };

struct Eligible {
    bool yes;
    const char* why;
};

// Of instant messaging, whatever the type: receipts, chat states, markers, and what is said in cipher.
bool is_chat_payload(xml::View child) {
    static constexpr std::array<std::string_view, 6> namespaces = {
        "urn:xmpp:receipts", "http://jabber.org/protocol/chatstates", "urn:xmpp:chat-markers:0",
        "eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2", "urn:xmpp:jingle-message:0",
    };
    return child.is(body_name) || std::ranges::find(namespaces, child.ns()) != namespaces.end();
}

bool says_something(const Stanza& message) {
    for (const xml::View child : message.element().children())
        if (is_chat_payload(child)) return true;
    return false;
}

bool is_invitation(const Stanza& message) {
    return message.child(conference_name) || message.child(muc_user_name).child(muc_invite_name);
}

// Rooms send what is said in private to all clients of a user that are in them.
bool is_from_occupant(const Stanza& message) { return message.child(muc_user_name) && message.from.is_full(); }

Eligible eligible(const Route& route, Direction direction) {
    const Stanza& message = *route.stanza;
    if (route.no_copy || message.child(private_name)) return {false, "private"};
    if (message.child(sent_name) || message.child(received_name)) return {false, "a copy itself"};
    const MessageType type = message.message_type();
    if (type == MessageType::groupchat || type == MessageType::headline) return {false, to_string(type)};
    if (is_invitation(message)) return {true, "invitation"};
    if (direction == Direction::received && is_from_occupant(message)) return {false, "private message in a room"};
    if (type == MessageType::chat) return {true, "chat"};
    if (says_something(message)) return {true, "content"};
    return {false, "no content of a chat"};
}

// --- copies -------------------------------------------------------------------------------------------------------

bool wants_copies(Session& session) { return session.slots().find<WantsCarbons>() != nullptr; }

// Of another than these.
Delivery::Sessions copied_sessions(const Account& account, std::span<const SessionPtr> without) {
    Delivery::Sessions copied;
    for (const SessionPtr& session : account.sessions())
        if (wants_copies(*session) && std::ranges::find(without, session) == without.end()) copied.push_back(session);
    return copied;
}

StanzaPtr carbon(const Account& account, xml::Name direction, const Stanza& message, const Jid& to) {
    Stanza copy = Stanza::message(message.message_type());
    copy.from = account.jid();
    copy.element().add(xml::Element(direction).add(Forwarded::wrap(message, to)));
    return std::make_shared<const Stanza>(std::move(copy));
}

class Carbons final : public Module {
public:
    Carbons(Host& our_host, const NoOptions&) : Module(our_host) {
        on<&Carbons::sent>(our_host.hooks.message_sent, Stage::copy);
        on<&Carbons::received>(our_host.hooks.message_received, Stage::copy);
        iq<&Carbons::enable>(IqType::set, enable_name, At::account, Asker::owner);
        iq<&Carbons::disable>(IqType::set, disable_name, At::account, Asker::owner);
        feature(carbons_ns, At::host);
        feature(carbons_ns, At::account);
        carries_mark<WantsCarbons>();
    }

private:
    IqReply enable(Iq iq) {
        if (iq.sender) iq.sender->slots().get<WantsCarbons>();
        return {};
    }
    IqReply disable(Iq iq) {
        if (iq.sender) iq.sender->slots().clear<WantsCarbons>();
        return {};
    }

    // To oneself it is received by all, or copied there.
    Outcome sent(Route& route) {
        if (route.to.empty() || route.to.same_bare(route.account->jid()) || !route.ticket) return Outcome::pass();
        if (copied_sessions(*route.account, std::span(&route.sender, 1)).empty()) return Outcome::pass();
        if (is_eligible(route, Direction::sent)) copy_when_settled(route);
        return Outcome::pass();
    }

    // Then it is known under which id the archive has it. The stanza is copied: the recipient's side writes into it until then.
    // Nothing here keeps an account or a session, since another shard may be the last to hold the ticket.
    void copy_when_settled(const Route& route) {
        auto message = std::make_shared<Stanza>(*route.stanza);
        auto tell = [&home = loop(), message, account = std::weak_ptr(route.account), author = route.sender->id()](std::uint64_t id) {
            home.post([message, account, author, id] { copy_sent(*message, account.lock(), author, id); });
        };
        route.ticket->when_settled(std::move(tell));
    }

    static void copy_sent(Stanza& message, const AccountPtr& account, std::uint64_t author, std::uint64_t log_id) {
        if (!account) return;
        if (log_id != 0) StanzaId::add_to(message.element(), stamped_id_text(log_id), account->jid());
        const StanzaPtr stanza = carbon(*account, sent_name, message, {});
        for (const SessionPtr& session : copied_sessions(*account, {}))
            if (session->id() != author) session->deliver(stanza, session->jid());
    }

    Outcome received(Route& route) {
        if (!route.account->exists() || copied_sessions(*route.account, {}).empty()) return Outcome::pass();
        if (!is_eligible(route, Direction::received)) return Outcome::pass();
        if (route.account->committing() && !route.committing) return copy_behind(route);
        copy(route);
        return Outcome::pass();
    }

    // No copy overtakes those of messages that are being committed.
    Task<Outcome> copy_behind(Route& route) {
        co_await route.account->commits_done();
        copy(route);
        co_return Outcome::pass();
    }

    // To those who do not get it anyway. What is refused is copied to nobody.
    static void copy(const Route& route) {
        Delivery delivery = decide_delivery(*route.account, *route.stanza, route.to);
        const bool taken = delivery.verdict == Delivery::Verdict::sessions || delivery.verdict == Delivery::Verdict::undelivered;
        if (!taken) return;
        if (route.stanza->from.same_bare(route.account->jid()))
            if (SessionPtr author = route.account->find_session(route.stanza->from.resource())) delivery.sessions.push_back(author);
        const Delivery::Sessions copied = copied_sessions(*route.account, delivery.sessions);
        if (copied.empty()) return;
        const StanzaPtr stanza = carbon(*route.account, received_name, *route.stanza, route.to);
        for (const SessionPtr& session : copied) session->deliver(stanza, session->jid(), Handover{{}, route.log_id});
    }

    static bool is_eligible(const Route& route, Direction direction) {
        const Eligible verdict = eligible(route, direction);
        log_debug("carbons", {{"account", route.account->jid().str()}, {"copy", verdict.yes}, {"why", verdict.why}});
        return verdict.yes;
    }
};

}  // namespace

extern const ModuleSpec carbons_module =
    declare<Carbons>("carbons", "Copies what one client of a user sends or receives to his others")
        .also_known_as("mod_carboncopy")
        .implements(280, "1.0.1");

}  // namespace rookery
