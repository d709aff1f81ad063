#include "core/router.h"

#include <algorithm>
#include <cassert>
#include <span>

#include "core/answer.h"
#include "core/delivery.h"
#include "core/delivery_ledger.h"
#include "core/message_log.h"
#include "core/shard.h"

namespace rookery {
namespace {

Hook<Route>& sent_hook(Host& host, const Stanza& stanza) {
    switch (stanza.kind()) {
        case StanzaKind::message: return host.hooks.message_sent;
        case StanzaKind::presence: return host.hooks.presence_sent;
        case StanzaKind::iq: break;
    }
    return host.hooks.iq_sent;
}

Hook<Route>& received_hook(Host& host, const Stanza& stanza) {
    switch (stanza.kind()) {
        case StanzaKind::message: return host.hooks.message_received;
        case StanzaKind::presence: return host.hooks.presence_received;
        case StanzaKind::iq: break;
    }
    return host.hooks.iq_received;
}

void count(ShardCounters& counters, const Stanza& stanza) {
    switch (stanza.kind()) {
        case StanzaKind::message: ++counters.messages; break;
        case StanzaKind::presence: ++counters.presences; break;
        case StanzaKind::iq: ++counters.iqs; break;
    }
}

bool is_plain_presence(const Stanza& stanza) {
    return stanza.is_presence() && (stanza.presence_type() == PresenceType::available ||
                                    stanza.presence_type() == PresenceType::unavailable);
}

// Another session may have it meanwhile (a copy of it, a page of the archive).
bool was_received(Account& account, const Route& route) {
    const DeliveryLedger& ledger = delivery_ledger(account);
    return route.log_id != 0 && ledger.loaded() && !ledger.waits(route.log_id);
}

// In their hands, unacknowledged.
bool others_have(std::span<const SessionPtr> sessions, const Route& route, const StanzaPtr& handed, WallTime at) {
    return std::ranges::any_of(sessions, [&](const SessionPtr& session) {
        const bool may_have_it = route.to.is_bare() || session->acknowledges();  // the others know nothing but who was there
        return (may_have_it && session->was_handed(handed, at)) || (route.log_id != 0 && session->was_handed(route.log_id));
    });
}

// It would go to a client that does not say what it has, and no log has it.
bool must_be_saved_first(std::span<const SessionPtr> sessions, const Route& route) {
    return route.log_id == 0 && route.ticket && route.ticket->promised() &&
           std::ranges::any_of(sessions, [](const SessionPtr& session) { return !session->acknowledges(); });
}

// What a user's own clients ask his account, and show of themselves, is in no order with what others send him.
bool keeps_order(const Account& account, const Stanza& stanza) {
    return stanza.is_message() || !stanza.from.same_bare(account.jid());
}

// A presence without `to`, available or unavailable: the session's own (RFC 6121 4.2, 4.4, 4.5).
bool is_broadcast(const Stanza& stanza) {
    return is_plain_presence(stanza) && stanza.to.empty();
}

}  // namespace

// --- from a client ------------------------------------------------------------------------------------------------

void Router::from_session(const SessionPtr& sender, std::shared_ptr<Stanza> stanza) {
    AccountPtr account = shard_.find_account(sender->jid().bare_str());
    assert(account);
    count(shard_.counters(), *stanza);
    stanza->from = sender->jid();
    Jid to = stanza->to;
    auto route = std::make_unique<Route>(std::move(stanza), std::move(to));
    route->account = std::move(account);
    route->sender = sender;
    route->ticket = sender->issue_ticket(shard_, route->stanza->element().memory_bytes());
    Host& host = route->account->host();
    Outcome outcome = sent_hook(host, *route->stanza).run(*route);
    sent_hooks_done(sender, std::move(route), std::move(outcome));
}

void Router::sent_hooks_done(const SessionPtr& sender, RoutePtr route, Outcome outcome) {
    switch (outcome.kind()) {
        case Outcome::Kind::pass: return dispatch(std::move(route), sender);
        case Outcome::Kind::stop: return;
        case Outcome::Kind::refuse: return refuse(*route, outcome.take_error(), true);
        case Outcome::Kind::later: break;
    }
    sender->hold();
    spawn(finish_sent(sender, std::move(route), outcome.take_later()));
}

Task<void> Router::finish_sent(SessionPtr sender, RoutePtr route, Task<Outcome> waiting) {
    Outcome outcome = co_await waiting;
    sent_hooks_done(sender, std::move(route), std::move(outcome));
    sender->release();
}

// Past the sender's hooks: notes that were the sender's side's are taken off, and the stanza goes its way.
void Router::dispatch(RoutePtr route, const SessionPtr& sender) {
    if (is_broadcast(*route->stanza)) return;  // the presence module has acted on it in the deliver stage
    if (route->stanza->to.empty()) {
        if (!route->stanza->is_request()) route->stanza->to = sender->jid().bare();
        route->to = sender->jid().bare();
    }
    if (route->stanza->is_presence() && !reaches(route->to.domain()))  // RFC 6120 10.4.3: of all that it sends
        return refuse(*route, StanzaError(Condition::remote_server_not_found), true);
    route->account = nullptr;
    route->sender = nullptr;
    if (Host* host = route->to.local().empty() ? shard_.find_host(route->to.domain()) : nullptr)
        return to_host(std::move(route), *host, sender);
    this->route(std::move(route));
}

// --- on the way ---------------------------------------------------------------------------------------------------

bool Router::reaches(std::string_view domain) const {
    return shard_.find_host(domain) || (remote_ && remote_->reaches(domain));
}

void Router::send(Stanza stanza) { route(std::make_unique<Route>(std::move(stanza))); }

void Router::route(RoutePtr route) {
    assert(!route->to.empty());
    Host* host = shard_.find_host(route->to.domain());
    if (!host) {
        if (remote_) return remote_->send(std::move(route));
        return refuse(*route, StanzaError(Condition::remote_server_not_found));
    }
    if (route->to.local().empty()) return to_host(std::move(route), *host, nullptr);
    const unsigned home = shard_.all().home_of(route->to.bare_str());
    if (home == shard_.index()) return arrive(std::move(route));
    shard_.send(home, Parcel{std::move(route), {}});
}

void Router::fan_out(std::shared_ptr<Stanza> stanza, std::vector<Jid> recipients) {
    std::vector<std::vector<Jid>> by_shard(shard_.all().count());
    for (Jid& to : recipients) {
        if (!shard_.find_host(to.domain()) || to.local().empty()) {
            Stanza copy = *stanza;
            copy.to = std::move(to);
            send(std::move(copy));
            continue;
        }
        by_shard[shard_.all().home_of(to.bare_str())].push_back(std::move(to));
    }
    for (unsigned home = 0; home < by_shard.size(); ++home) {
        if (by_shard[home].empty()) continue;
        Parcel parcel{std::make_unique<Route>(stanza, Jid()), std::move(by_shard[home])};
        if (home == shard_.index())
            shard_.receive(std::move(parcel));
        else
            shard_.send(home, std::move(parcel));
    }
}

// Presence for those who are online, and our own users' questions who is. Another server is told what it asks.
bool Router::needs_somebody_online(const Stanza& stanza) const {
    if (is_plain_presence(stanza)) return true;
    return stanza.is_presence() && stanza.presence_type() == PresenceType::probe && shard_.find_host(stanza.from.domain());
}

void Router::arrive(RoutePtr route) {
    if (route->leaves) return remote_->arrive(std::move(route));
    assert(shard_.all().home_of(route->to.bare_str()) == shard_.index());
    if (!loading_.empty()) {
        const auto at = loading_.find(route->to.bare());
        if (at != loading_.end()) return wait_for_load(at->second, std::move(route));
    }
    if (AccountPtr account = shard_.find_account(route->to.bare_str())) return account->receive(std::move(route));
    if (needs_somebody_online(*route->stanza)) return;  // and nobody is, who is not in memory
    Jid bare = route->to.bare();
    loading_[bare].push_back(std::move(route));
    ++shard_.flows().waiting.in;
    spawn(load_and_receive(std::move(bare)));
}

void Router::wait_for_load(std::vector<RoutePtr>& waiting, RoutePtr route) {
    const Host* host = shard_.find_host(route->to.domain());
    if (!host || waiting.size() >= host->options().max_waiting) {
        ++shard_.flows().waiting.refused;
        return refuse(*route, StanzaError(Condition::resource_constraint, ErrorType::wait));
    }
    waiting.push_back(std::move(route));
    ++shard_.flows().waiting.in;
}

void Router::look_at_loading(QueueLook& look) const {
    for (const auto& [bare, waiting] : loading_) {
        const Host* host = shard_.find_host(waiting.front()->to.domain());
        look.add({waiting.size(), host ? host->options().max_waiting : 0, {}}, bare.str());
    }
}

// What came for the account meanwhile follows in its order, even where it has logged in by now.
Task<void> Router::load_and_receive(Jid bare) {
    Result<AccountPtr> account = co_await shard_.load_account(bare);
    std::vector<RoutePtr> waiting = std::move(loading_.extract(bare).mapped());
    shard_.flows().waiting.out += waiting.size();
    for (RoutePtr& route : waiting) {
        if (account.ok())
            (*account)->receive(std::move(route));
        else
            refuse(*route, StanzaError(Condition::resource_constraint, ErrorType::wait));
    }
}

// --- at the recipient ---------------------------------------------------------------------------------------------

Router::Reception Router::receive(const AccountPtr& account, RoutePtr route) {
    route->account = account;
    if (route->to.is_bare()) route->to = account->jid();  // the sender's roster, which it is from, is not kept with it
    Outcome outcome = received_hook(account->host(), *route->stanza).run(*route);
    switch (outcome.kind()) {
        case Outcome::Kind::pass: break;
        case Outcome::Kind::stop: return {};
        case Outcome::Kind::refuse: refuse(*route, outcome.take_error()); return {};
        case Outcome::Kind::later: {
            const bool committing = route->committing;
            return {finish_received(account, std::move(route), outcome.take_later()), committing};
        }
    }
    if (account->committing() && keeps_order(*account, *route->stanza)) return {deliver_behind(account, std::move(route))};
    return {deliver(account, std::move(route))};
}

// Nothing overtakes messages before it that are being committed (RFC 6120 10.1).
Task<void> Router::deliver_behind(AccountPtr account, RoutePtr route) {
    co_await account->commits_done();
    Task<void> rest = deliver(account, std::move(route));
    if (rest) co_await rest;
}

Task<void> Router::finish_received(AccountPtr account, RoutePtr route, Task<Outcome> waiting) {
    Outcome outcome = co_await waiting;
    Task<void> rest;
    if (outcome.passed())
        rest = deliver(account, std::move(route));
    else if (outcome.kind() == Outcome::Kind::refuse)
        refuse(*route, outcome.take_error());
    if (rest) co_await rest;
}

Task<void> Router::deliver(const AccountPtr& account, RoutePtr route) {
    using Verdict = Delivery::Verdict;
    const Stanza& stanza = *route->stanza;
    Delivery delivery = decide_delivery(*account, stanza, route->to);
    const Jid& to = route->to == stanza.to ? Jid() : route->to;
    switch (delivery.verdict) {
        case Verdict::sessions:
            for (const SessionPtr& session : delivery.sessions) session->deliver(route->stanza, to, Handover{route->ticket, route->log_id, route->unsaved});
            shard_.counters().delivered += delivery.sessions.size();
            return {};
        case Verdict::undelivered: return undelivered(account, std::move(route));
        case Verdict::answer: {
            const bool own = stanza.from.same_bare(account->jid());
            SessionPtr sender = own ? account->find_session(stanza.from.resource()) : nullptr;
            return answer(Iq{route->stanza, &account->host(), account, std::move(sender), {}, {}}, At::account);
        }
        case Verdict::refuse: refuse(*route, StanzaError(Condition::service_unavailable)); return {};
        case Verdict::ignore: break;
    }
    return {};
}

void Router::redeliver(const AccountPtr& account, RoutePtr route, StanzaPtr handed, WallTime at) {
    route->account = account;
    account->enqueue(deliver_again(account, std::move(route), std::move(handed), at));
}

Task<void> Router::deliver_again(AccountPtr account, RoutePtr route, StanzaPtr handed, WallTime at) {
    if (route->log_id == 0 && route->ticket) route->log_id = route->ticket->saved_as();  // while this waited for its turn
    const Delivery delivery = decide_delivery(*account, *route->stanza, route->to);
    if (was_received(*account, *route) || others_have(delivery.sessions, *route, handed, at)) co_return;
    if (must_be_saved_first(delivery.sessions, *route)) {
        route->log_id = co_await account->host().message_log().save(account, route->stanza, route->to);
        if (route->log_id == 0) co_return refuse(*route, StanzaError(Condition::internal_server_error, ErrorType::wait));
        route->ticket->set_saved_as(route->log_id);
    }
    route->unsaved = route->log_id == 0;
    Task<void> rest = deliver(account, std::move(route));
    if (rest) co_await rest;
}

Task<void> Router::undelivered(const AccountPtr& account, RoutePtr route) {
    ++shard_.counters().undelivered;
    return settle(std::move(route), account->host().hooks.message_undelivered);
}

// A message that nobody stops is refused.
Task<void> Router::settle(RoutePtr route, Hook<Route>& hook) {
    Outcome outcome = hook.run(*route);
    if (outcome.pending()) return settle_later(std::move(route), outcome.take_later());
    refuse_unless_stopped(*route, std::move(outcome));
    return {};
}

Task<void> Router::settle_later(RoutePtr route, Task<Outcome> waiting) {
    Outcome outcome = co_await waiting;
    refuse_unless_stopped(*route, std::move(outcome));
}

void Router::refuse_unless_stopped(const Route& route, Outcome outcome) {
    if (outcome.kind() == Outcome::Kind::refuse) return refuse(route, outcome.take_error());
    if (outcome.passed()) refuse(route, StanzaError(Condition::service_unavailable));
}

// --- requests -----------------------------------------------------------------------------------------------------

void Router::to_host(RoutePtr route, Host& host, const SessionPtr& sender) {
    const Stanza& stanza = *route->stanza;
    if (stanza.is_request()) {
        if (route->to.is_full()) return refuse(*route, StanzaError(Condition::service_unavailable));
        Task<void> rest = answer(Iq{route->stanza, &host, nullptr, sender, {}, {}}, At::host);
        if (!rest) return;
        if (sender) sender->hold();
        return static_cast<void>(spawn([](Task<void> work, SessionPtr held) -> Task<void> {
            co_await work;
            if (held) held->release();
        }(std::move(rest), sender)));
    }
    if (!stanza.is_message() || stanza.is_error()) return;
    Task<void> rest = settle(std::move(route), host.hooks.message_to_host);
    if (rest) spawn(std::move(rest));
}

Task<void> Router::answer(Iq iq, At where) {
    const StanzaPtr request = iq.stanza;
    Features& features = iq.host->features;
    const Features::Answerer* answerer = features.find(request->iq_type(), request->payload(), where);
    // COMPAT: clients send requests only the server can answer (commands, registration) without `to`.
    if (!answerer && where == At::account && request->to.empty() && features.knows(request->payload(), At::host)) {
        where = At::host;
        answerer = features.find(request->iq_type(), request->payload(), where);
    }
    if (answerer && answerer->asker == Asker::owner && !iq.own()) {
        send_reply(*request, Condition::forbidden);
        return {};
    }
    if (!answerer) {
        const bool other_type = features.knows(request->payload(), where);
        send_reply(*request, other_type ? Condition::not_allowed : Condition::service_unavailable);
        return {};
    }
    IqReply reply = ask(*answerer, std::move(iq));
    if (reply.pending()) return finish_answer(request, reply.take_later());
    send_reply(*request, reply);
    return {};
}

Task<void> Router::finish_answer(StanzaPtr request, Task<IqReply> waiting) {
    const IqReply reply = co_await waiting;
    send_reply(*request, reply);
}

void Router::send_reply(const Stanza& request, const IqReply& answer) { reply(request, to_stanza(request, answer)); }

// A request without `to` is answered from the account itself (RFC 6120 8.1.2.1: `from` is left out).
void Router::reply(const Stanza& request, Stanza answer) {
    if (request.from.empty()) return;
    answer.to = request.from;
    send(std::move(answer));
}

void Router::refuse(const Route& route, const StanzaError& error, bool even_presence) {
    const Stanza& stanza = *route.stanza;
    const bool answerable = stanza.is_request() || (stanza.is_message() && !stanza.is_error()) ||
                            (stanza.is_presence() && !stanza.is_error() && even_presence);
    if (!answerable || stanza.from.empty()) return;
    ++shard_.counters().refused;
    Stanza answer = stanza.make_error(error);
    answer.from = route.to.empty() ? stanza.from.bare() : route.to;
    answer.to = stanza.from;
    if (route.sender) return route.sender->deliver(std::make_shared<const Stanza>(std::move(answer)), {}, Handover{route.ticket});
    auto back = std::make_unique<Route>(std::move(answer));
    back->ticket = route.ticket;  // settled when its sender's session has the answer
    this->route(std::move(back));
}

}  // namespace rookery
