// Router: takes stanzas to where they belong (ARCHITECTURE.md, steps 4 to 6). One per shard; all calls on its thread.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/queue_board.h"
#include "base/task.h"
#include "core/features.h"
#include "core/hook.h"
#include "core/outcome.h"
#include "core/remote_router.h"
#include "core/route.h"
#include "core/session.h"
#include "xmpp/stanza.h"

namespace rookery {

class Account;
class Host;
class Shard;

class Router {
public:
    explicit Router(Shard& shard) : shard_(shard) {}

    // A client's stanza: stamps `from`, runs the sender's hooks, routes. Holds the session while a hook waits.
    void from_session(const SessionPtr& sender, std::shared_ptr<Stanza> stanza);

    // A stanza made by the server or a module, `from` and `to` set: no sender hooks.
    void send(Stanza stanza);
    void route(RoutePtr route);
    // One stanza without `to`, many recipients: one parcel per shard, payload shared.
    void fan_out(std::shared_ptr<Stanza> stanza, std::vector<Jid> recipients);

    // The one exit for refusals: answers the sender with an error where RFC 6120/6121 allow one (never to an error,
    // a result or, unless `even_presence`, a presence). What a client could not even send is answered to it alone: no hook
    // of its account takes that for a word of the addressee.
    void refuse(const Route& route, const StanzaError& error, bool even_presence = false);
    void reply(const Stanza& request, Stanza answer);

    // For the shard: a stanza has reached the home shard of its recipient.
    void arrive(RoutePtr route);
    // What waits for accounts that are being looked up, for gauges.
    void look_at_loading(QueueLook& look) const;

    // A message whose session is gone before its client acknowledged it. Its hooks have run. Those it reached otherwise
    // are not bothered again; else it is delivered, kept or refused like a new one.
    // `handed`: the stanza as it was handed to them all then, `at`.
    void redeliver(const std::shared_ptr<Account>& account, RoutePtr route, StanzaPtr handed, WallTime at);

    // For domains that are not ours; null: remote-server-not-found. Outlives its use here.
    void set_remote(RemoteRouter* remote) { remote_ = remote; }
    RemoteRouter* remote() const { return remote_; }
    // Is that domain ours, or is there somebody who takes stanzas to others?
    bool reaches(std::string_view domain) const;

    // For Account: runs the received hooks and delivery. No task: it is done. Else the rest: the account awaits it alone,
    // or, while a message is only being committed, receives others too.
    struct Reception {
        Task<void> rest;
        bool committing = false;
    };
    Reception receive(const std::shared_ptr<Account>& account, RoutePtr route);

private:
    void sent_hooks_done(const SessionPtr& sender, RoutePtr route, Outcome outcome);
    Task<void> finish_sent(SessionPtr sender, RoutePtr route, Task<Outcome> waiting);
    void dispatch(RoutePtr route, const SessionPtr& sender);

    void to_host(RoutePtr route, Host& host, const SessionPtr& sender);
    bool needs_somebody_online(const Stanza& stanza) const;
    void wait_for_load(std::vector<RoutePtr>& waiting, RoutePtr route);
    Task<void> load_and_receive(Jid bare);

    Task<void> deliver(const std::shared_ptr<Account>& account, RoutePtr route);
    Task<void> deliver_behind(std::shared_ptr<Account> account, RoutePtr route);
    Task<void> deliver_again(std::shared_ptr<Account> account, RoutePtr route, StanzaPtr handed, WallTime at);
    Task<void> finish_received(std::shared_ptr<Account> account, RoutePtr route, Task<Outcome> waiting);
    Task<void> undelivered(const std::shared_ptr<Account>& account, RoutePtr route);
    Task<void> settle(RoutePtr route, Hook<Route>& hook);
    Task<void> settle_later(RoutePtr route, Task<Outcome> waiting);
    void refuse_unless_stopped(const Route& route, Outcome outcome);

    // Runs the handler for a request; empty when the answer is out.
    Task<void> answer(Iq iq, At where);
    Task<void> finish_answer(StanzaPtr request, Task<IqReply> waiting);
    void send_reply(const Stanza& request, const IqReply& reply);

    Shard& shard_;
    RemoteRouter* remote_ = nullptr;
    std::unordered_map<Jid, std::vector<RoutePtr>> loading_;  // by bare JID: waiting for load_account
};

}  // namespace rookery
