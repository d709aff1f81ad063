// All the places modules can join, per host and shard. One line and one comment each.
#pragma once

#include "core/features.h"
#include "core/hook.h"
#include "core/host_saving.h"
#include "core/route.h"
#include "core/session.h"
#include "core/session_saving.h"

namespace rookery {

class Session;
class Account;
class Host;

struct SessionEvent {
    std::shared_ptr<Session> session;
    std::shared_ptr<Account> account;
};

struct NonzaEvent {
    std::shared_ptr<Session> session;
    xml::View element;
};

struct OutgoingEvent {
    Session& session;
    const StanzaPtr& stanza;
    const Jid& to;  // written instead of the stanza's own; empty: as it is
    const Handover& handover;
};

struct LoginEvent {
    std::string address;  // of the client
    std::string prefix;   // what limits for each client count by: the address itself, or its /64 with IPv6
    Jid account;          // may be empty: not known yet
    std::string reason;   // login_failed: for the log
};

struct AccountEvent {
    Jid account;
    Host& host;
};

// A disco question that the features do not answer: with a node, or about an account's items. Who knows the node fills
// in the answer and stops, or refuses. Nobody: item-not-found. Whether the asker may see the account was checked.
struct DiscoInfoEvent {
    Iq iq;
    DiscoInfo answer;  // its node is the one asked for
};
struct DiscoItemsEvent {
    Iq iq;
    DiscoItems answer;
};

struct Hooks {
    // A local client's stanza, `from` stamped, before anything else happens to it. Sender's shard.
    Hook<Route> message_sent{"message_sent"};
    Hook<Route> presence_sent{"presence_sent"};
    Hook<Route> iq_sent{"iq_sent"};

    // A stanza for a local account (any `to` with a local part), on that account's shard, whether or not it exists:
    // account->exists() tells. After message_received come the sessions of RFC 6121 section 8.
    Hook<Route> message_received{"message_received"};
    Hook<Route> presence_received{"presence_received"};
    Hook<Route> iq_received{"iq_received"};

    // A message of type chat, normal or headline for an existing account that no session can take. Nobody stops it: refused.
    Hook<Route> message_undelivered{"message_undelivered"};
    // A message for the server's own address. Nobody stops it: refused.
    Hook<Route> message_to_host{"message_to_host"};

    // A client begins to log in. Refused: its stream ends with policy-violation.
    Hook<LoginEvent> login_attempt{"login_attempt"};
    Hook<LoginEvent> login_failed{"login_failed"};

    // A bound client sent an element that is no stanza (RFC 6120 4.9.3.25 would end the stream). Who knows it stops. No waiting.
    Hook<NonzaEvent> nonza{"nonza"};

    // A session was bound. It is not available yet.
    Hook<SessionEvent> session_bound{"session_bound"};
    // Its first available presence (with priority >= 0 or below) has just been broadcast. Runs in the account's queue:
    // what comes for the account meanwhile waits behind it.
    Hook<SessionEvent> session_available{"session_available"};
    // A stanza is about to be handed to a session that is watched (Session::watch_outgoing). Who stops it has taken it, and
    // may deliver it later. No waiting.
    Hook<OutgoingEvent> session_outgoing{"session_outgoing"};
    // The client's connection was lost, and the session waits for it to come back (XEP-0198). No waiting here.
    Hook<SessionEvent> session_hibernates{"session_hibernates"};
    // The client whose connection was lost is back on another one (XEP-0198), and was sent what it had not acknowledged.
    Hook<SessionEvent> session_resumed{"session_resumed"};
    // The binding is over, for whatever reason; the session's presence and slots are as they were.
    Hook<SessionEvent> session_closed{"session_closed"};

    // A session goes to another program (live upgrade): who keeps something on it says it in a record of his own, and finds
    // it again there. Nothing may be sent from here. No waiting.
    Hook<SessionSaving> session_saved{"session_saved"};
    Hook<SessionRestoring> session_restored{"session_restored"};
    // The same of what is kept on the host.
    Hook<HostSaving> host_saved{"host_saved"};
    Hook<HostRestoring> host_restored{"host_restored"};

    Hook<DiscoInfoEvent> disco_info{"disco_info"};
    Hook<DiscoItemsEvent> disco_items{"disco_items"};

    Hook<AccountEvent> account_created{"account_created"};
    // The account's rows are gone, its sessions closed.
    Hook<AccountEvent> account_removed{"account_removed"};

    // One line for each hook somebody has joined: who sees it, in which order.
    std::vector<std::string> explain() const;
};

}  // namespace rookery
