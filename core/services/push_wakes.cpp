#include "core/services/push_wakes.h"

#include "base/utf8.h"

namespace rookery::push {
namespace {

const xml::Name body_name{"jabber:client", "body"};
const xml::Name pgp_name{"jabber:x:encrypted", "x"};
const xml::Name openpgp_name{"urn:xmpp:openpgp:0", "openpgp"};
const xml::Name muc_user_name{"http://jabber.org/protocol/muc#user", "x"};
const xml::Name muc_invite_name{"http://jabber.org/protocol/muc#user", "invite"};
const xml::Name conference_name{"jabber:x:conference", "x"};
const xml::Name propose_name{"urn:xmpp:jingle-message:0", "propose"};
const xml::Name omemo_name{"eu.siacs.conversations.axolotl", "encrypted"};
const xml::Name omemo_payload_name{"eu.siacs.conversations.axolotl", "payload"};
const xml::Name omemo2_name{"urn:xmpp:omemo:2", "encrypted"};
const xml::Name omemo2_payload_name{"urn:xmpp:omemo:2", "payload"};

constexpr std::size_t max_body_bytes = 1'024;  // of a message, where its text is told

bool is_invitation(const Stanza& message) {
    return message.child(conference_name) || message.child(muc_user_name).child(muc_invite_name);
}

// Without a payload it only carries keys.
bool is_in_cipher(const Stanza& message) {
    return message.child(omemo_name).child(omemo_payload_name) || message.child(omemo2_name).child(omemo2_payload_name) ||
           message.child(pgp_name) || message.child(openpgp_name);
}

}  // namespace

Wakes wakes(const Stanza& message, bool no_store, const Jid& account, NotifyOn on) {
    if (message.is_error() || message.message_type() == MessageType::headline) return {false, to_string(message.message_type())};
    if (message.from.same_bare(account)) return {false, "from another device of the account"};
    if (message.child(propose_name)) return {on == NotifyOn::all, "call"};
    if (no_store) return {false, "no-store hint"};
    if (!message.child(body_name).text().empty()) return {true, "body"};
    if (is_in_cipher(message)) return {true, "in cipher"};
    if (is_invitation(message)) return {on == NotifyOn::all, "invitation"};
    return {false, "nothing that a person reads"};
}

Happening what_happened(const Stanza& message, const Jid& to) {
    Happening what;
    what.sender = message.from.str();
    what.body = beginning(message.child(body_name).text(), max_body_bytes);
    if (message.message_type() == MessageType::groupchat) what.room_resource = to.resource();
    return what;
}

}  // namespace rookery::push
