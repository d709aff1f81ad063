// Route: one stanza on its way through the server, with what hooks noted about it.
// Always on the heap (RoutePtr), so that a handler may wait. Touched by one shard at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "xmpp/stanza.h"

namespace rookery {

class Account;
class Session;
class Ticket;

struct Route {
    explicit Route(Stanza a_stanza) : to(a_stanza.to), stanza(std::make_shared<Stanza>(std::move(a_stanza))) {}
    Route(std::shared_ptr<Stanza> shared, Jid recipient) : to(std::move(recipient)), stanza(std::move(shared)) {}

    // The recipient. Equals stanza->to but in a fan-out, where one stanza without `to` goes to many.
    Jid to;
    // Editable in the *_sent hooks and in the rewrite stage of *_received; shared with the recipients afterwards.
    std::shared_ptr<Stanza> stanza;

    // For changes in the *_received hooks: a fan-out's stanza is everybody's, so the recipient gets its own copy first.
    Stanza& editable() {
        if (stanza->to != to) {
            stanza = std::make_shared<Stanza>(*stanza);
            stanza->to = to;
        }
        return *stanza;
    }

    // In *_sent hooks: the sender's. In *_received and message_undelivered: the recipient's. The hooks may keep them.
    std::shared_ptr<Account> account;
    // The session that sent it, in *_sent hooks only.
    std::shared_ptr<Session> sender;
    // A client's stanza that is not settled yet; null for all others.
    std::shared_ptr<const Ticket> ticket;

    // Set before Stage::commit waits: what comes for the account meanwhile need not, it only stays behind (Account).
    bool committing = false;

    // For another domain, on its way to the shard of that domain (core/remote_router.h).
    bool leaves = false;

    // Notes. A new one is a new field here, with the module that sets it.
    std::string stanza_id;     // stanza_id: the id the recipient's copy carries
    bool archive = false;      // mam: the recipient keeps a copy
    bool archive_sent = false; // mam: so does the sender, an account here
    bool wait = false;         // offline: it waits until a session of the recipient received it
    bool unsaved = false;      // offline: it should wait, but sessions that acknowledge are about to have it
    std::uint64_t log_id = 0;  // message_log: of the recipient's row
    bool no_store = false;     // hints: must not be kept
    bool no_copy = false;      // hints: only to the addressed resource
    bool store = false;        // hints: the sender asks to keep it although it has no body
};

using RoutePtr = std::unique_ptr<Route>;

}  // namespace rookery
