// Presence (RFC 6121 section 4): broadcast to those who may see it, probes asked and answered, directed presence
// remembered until it has to be taken back. What a session broadcasts runs in its account's queue.
#include <algorithm>
#include <memory>
#include <unordered_map>

#include "base/log.h"
#include "base/record_time.h"
#include "base/token_bucket.h"
#include "core/module.h"
#include "core/services/block_list.h"
#include "core/subscription.h"
#include "xmpp/payload/delay.h"

namespace rookery {
namespace {

struct PresenceOptions {
    std::size_t max_directed = 1'000;
    unsigned burst = 10;
    Milliseconds then_every{500};
};

// Kept on a session that ever sent directed presence or changed its own; outlives a reload of the module.
struct PresenceMarks {
    std::vector<Jid> directed;        // who must hear that it is gone (4.6.3); sorted
    TokenBucket changes;
    std::shared_ptr<Stanza> waiting;  // came too soon after others; the latest wins
};

// Live upgrade.
enum SavedTag : RecordTag { saved_directed = 1, saved_changes = 2, saved_waiting = 3 };

constexpr Seconds forget_unread_after{10};
constexpr std::size_t max_kept_bytes = 4'096;  // of the last presence of an account that is offline

bool has_something_to_tell(const Account& account) {
    return account.has_available_session() || account.last_unavailable();
}

std::vector<Jid> contacts_who(bool (*condition)(Subscription), Account& account, const Roster& roster) {
    std::vector<Jid> contacts;
    for (const RosterItem& item : roster.items)
        if (condition(item.subscription) && !is_blocked(account, item.contact)) contacts.push_back(item.contact);
    return contacts;
}

bool sees_broadcasts(const Roster& roster, const Jid& who) {
    const RosterItem* item = find_item(roster, who.bare());
    return item && sees_us(item->subscription);
}

// Whom an unavailable presence goes to beside the subscribers; `roster`: those were told (null: they were not).
std::vector<Jid> directed_only(Account& account, const std::vector<Jid>& directed, const Roster* roster) {
    std::vector<Jid> targets;
    for (const Jid& target : directed)
        if (!is_blocked(account, target) && !(roster && sees_broadcasts(*roster, target))) targets.push_back(target);
    return targets;
}

std::shared_ptr<Stanza> make_unavailable(const Jid& from) {
    auto stanza = std::make_shared<Stanza>(Stanza::presence(PresenceType::unavailable));
    stanza->from = from;
    return stanza;
}

void show_to_own_sessions(const Account& account, const StanzaPtr& presence) {
    for (const SessionPtr& session : account.sessions())
        if (session->available()) session->deliver(presence, session->jid());
}

void show_own_sessions_to(const Account& account, Session& newcomer) {
    for (const SessionPtr& session : account.sessions())
        if (session->available() && session.get() != &newcomer) newcomer.deliver(std::make_shared<const Stanza>(session->presence()), newcomer.jid());
}

// With the time, for those who ask later.
void remember_last(Account& account, const std::shared_ptr<Stanza>& presence, WallTime now) {
    if (account.has_available_session()) return;
    const bool small = presence->element().memory_bytes() <= max_kept_bytes;
    const std::shared_ptr<Stanza> kept = small ? std::make_shared<Stanza>(*presence) : make_unavailable(presence->from);
    kept->element().add(Delay(now, account.jid()).to_xml());
    account.set_last_unavailable(kept);
}

bool was_sent_presence(Session& session, const Jid& who) {
    const PresenceMarks* marks = session.slots().find<PresenceMarks>();
    if (!marks) return false;
    return std::ranges::any_of(marks->directed, [&who](const Jid& target) { return target.same_bare(who); });
}

Outcome judge_request(bool may_see) {
    if (may_see) return Outcome::pass();
    return Outcome::refuse(StanzaError(Condition::service_unavailable));
}

class Presence final : public Module {
public:
    Presence(Host& our_host, const PresenceOptions& options) : Module(our_host), options_(options) {
        on<&Presence::sent>(our_host.hooks.presence_sent, Stage::deliver);
        on<&Presence::received>(our_host.hooks.presence_received, Stage::deliver);
        on<&Presence::closed>(our_host.hooks.session_closed, Stage::deliver);
        on<&Presence::request_received>(our_host.hooks.iq_received, Stage::guard);
        on<&Presence::saved>(our_host.hooks.session_saved, Stage::deliver);
        on<&Presence::restored>(our_host.hooks.session_restored, Stage::deliver);
        take_over_waiting();
    }

private:
    Outcome sent(Route& route);
    Outcome received(Route& route);
    Outcome closed(SessionEvent& event);
    Outcome request_received(Route& route);

    Outcome saved(SessionSaving& event);
    Outcome restored(SessionRestoring& event);
    void restore_waiting(const SessionPtr& session, RecordReader& record);

    Outcome broadcast(Route& route);
    bool comes_too_soon(Session& session, PresenceType type);
    void keep_waiting(const SessionPtr& session, std::shared_ptr<Stanza> presence);
    void announce_waiting();
    void take_over_waiting();
    Task<void> announce_later(AccountPtr account, SessionPtr session, std::shared_ptr<Stanza> presence);
    Task<Outcome> announce(AccountPtr account, SessionPtr session, std::shared_ptr<Stanza> presence);
    void set_presence(Session& session, const Stanza& presence);
    Task<void> appear(AccountPtr account, SessionPtr session, std::shared_ptr<Roster> roster,
                      std::shared_ptr<Stanza> presence);
    void probe_contacts(Account& account, const Session& session, const Roster& roster);
    void depart(Account& account, Session& session, const Roster* roster, const std::shared_ptr<Stanza>& presence);
    Task<Result<std::shared_ptr<Roster>>> load_subscribers(AccountPtr account);
    Task<Outcome> withdraw(AccountPtr account, SessionPtr session);

    Outcome direct(Route& route);
    Outcome may_probe(Route& route);
    Task<Outcome> may_probe_later(AccountPtr account, Jid contact);
    Outcome probed(Route& route);
    Task<Outcome> answer_later(AccountPtr account, StanzaPtr probe, Jid to);
    Outcome answer(Account& account, bool may_see, const Stanza& probe, const Jid& to);
    std::shared_ptr<Stanza> shown_by(const Session& session);
    void forget_unread();
    Task<Outcome> judge_request_later(AccountPtr account, Jid from);

    BucketRate rate() const { return BucketRate{options_.burst, options_.then_every}; }

    PresenceOptions options_;
    std::vector<std::weak_ptr<Session>> waiting_;  // sessions with a presence that waits
    // By session: what probes of it were answered with, as long as somebody still has to read it (inactive clients hold it
    // for hours): one for all of them.
    std::unordered_map<std::uint64_t, std::weak_ptr<Stanza>> shown_;
};

Outcome Presence::sent(Route& route) {
    switch (route.stanza->presence_type()) {
        case PresenceType::available:
        case PresenceType::unavailable: return route.to.empty() ? broadcast(route) : direct(route);
        case PresenceType::probe: return may_probe(route);
        default: return Outcome::pass();
    }
}

// --- one's own presence -------------------------------------------------------------------------------------------

Outcome Presence::broadcast(Route& route) {
    if (!read_priority(*route.stanza)) return Outcome::refuse(StanzaError(Condition::bad_request, "no valid priority"));
    if (comes_too_soon(*route.sender, route.stanza->presence_type())) {
        keep_waiting(route.sender, route.stanza);
        return Outcome::stop();
    }
    return route.account->alone(announce(route.account, route.sender, route.stanza));
}

// R13. The first presence of a session that has nothing waiting always goes: it costs its way back a token.
bool Presence::comes_too_soon(Session& session, PresenceType type) {
    PresenceMarks* marks = session.slots().find<PresenceMarks>();
    if (marks && marks->waiting) return true;
    if (!session.available() && type == PresenceType::available) return false;
    return !session.slots().get<PresenceMarks>().changes.take(rate(), loop().clock().steady_now());
}

void Presence::keep_waiting(const SessionPtr& session, std::shared_ptr<Stanza> presence) {
    auto& waiting = session->slots().get<PresenceMarks>().waiting;
    const bool first = !waiting;
    waiting = std::move(presence);
    if (!first) return;
    if (waiting_.empty()) once<&Presence::announce_waiting>(options_.then_every);
    waiting_.push_back(session);
}

void Presence::announce_waiting() {
    std::vector<std::weak_ptr<Session>> still;
    for (const std::weak_ptr<Session>& weak : std::exchange(waiting_, {})) {
        const SessionPtr session = weak.lock();
        if (!session || !session->alive()) continue;
        PresenceMarks& marks = session->slots().get<PresenceMarks>();
        if (!marks.changes.take(rate(), loop().clock().steady_now())) {
            still.push_back(weak);
            continue;
        }
        if (AccountPtr account = shard().find_account(session->jid().bare_str()))
            run(announce_later(std::move(account), session, std::exchange(marks.waiting, nullptr)));
    }
    waiting_.insert(waiting_.end(), still.begin(), still.end());
    if (!waiting_.empty()) once<&Presence::announce_waiting>(options_.then_every);
}

// After a reload: what waited for our predecessor.
void Presence::take_over_waiting() {
    shard().for_each_session([this](Session& session) {
        const PresenceMarks* marks = session.slots().find<PresenceMarks>();
        if (marks && marks->waiting && session.jid().domain() == host().domain())
            waiting_.push_back(session.weak_from_this());
    });
    if (!waiting_.empty()) once<&Presence::announce_waiting>(options_.then_every);
}

// Live upgrade.
Outcome Presence::saved(SessionSaving& event) {
    const PresenceMarks* marks = event.session.slots().find<PresenceMarks>();
    if (!marks) return Outcome::pass();
    RecordWriter& record = event.of("presence");
    for (const Jid& directed : marks->directed) record.text(saved_directed, directed.str());
    put_time(record, saved_changes, marks->changes.full_at());
    if (marks->waiting) record.text(saved_waiting, marks->waiting->to_string());
    return Outcome::pass();
}

Outcome Presence::restored(SessionRestoring& event) {
    RecordReader* record = event.find("presence");
    if (!record) return Outcome::pass();
    PresenceMarks& marks = event.session->slots().get<PresenceMarks>();
    for (const std::string_view text : record->texts(saved_directed)) {
        std::optional<Jid> directed = Jid::parse(text);
        if (!directed) record->fail();
        if (directed) marks.directed.push_back(std::move(*directed));
    }
    marks.changes = TokenBucket(read_time<SteadyTime>(*record, saved_changes));
    if (record->has(saved_waiting)) restore_waiting(event.session, *record);
    return Outcome::pass();
}

void Presence::restore_waiting(const SessionPtr& session, RecordReader& record) {
    std::optional<Stanza> presence = parse_stanza(record.text(saved_waiting));
    if (!presence || !presence->is_presence()) return record.fail();
    keep_waiting(session, std::make_shared<Stanza>(std::move(*presence)));
}

Task<void> Presence::announce_later(AccountPtr account, SessionPtr session, std::shared_ptr<Stanza> presence) {
    Task<Outcome> work = account->alone(announce(account, session, std::move(presence)));
    (void)co_await work;
}

Task<Outcome> Presence::announce(AccountPtr account, SessionPtr session, std::shared_ptr<Stanza> presence) {
    const bool appears = presence->presence_type() == PresenceType::available;
    Task<Result<std::shared_ptr<Roster>>> loading = appears ? account->load_roster() : load_subscribers(account);
    Result<std::shared_ptr<Roster>> roster = co_await loading;
    if (!session->alive()) co_return Outcome::stop();
    if (!roster.ok()) {
        log_error("roster_failed", {{"account", account->jid().str()}, {"error", roster.error().message}});
        co_return Outcome::refuse(StanzaError(Condition::internal_server_error, ErrorType::wait));
    }
    if (appears) {
        Task<void> appearing = appear(account, session, *roster, std::move(presence));
        co_await appearing;
        co_return Outcome::pass();
    }
    const Roster* told = session->available() ? roster->get() : nullptr;
    set_presence(*session, *presence);
    depart(*account, *session, told, presence);
    session->deliver(presence, session->jid());  // 4.5.2: also to the one that left
    co_return Outcome::pass();
}

void Presence::set_presence(Session& session, const Stanza& presence) {
    session.set_presence(presence);
    if (const auto known = shown_.find(session.id()); known != shown_.end()) known->second.reset();
}

// RFC 6121 4.2.2 and 4.4.2.
Task<void> Presence::appear(AccountPtr account, SessionPtr session, std::shared_ptr<Roster> roster,
                            std::shared_ptr<Stanza> presence) {
    const bool first = !session->available();
    set_presence(*session, *presence);
    account->set_last_unavailable(nullptr);
    router().fan_out(presence, contacts_who(sees_us, *account, *roster));
    show_to_own_sessions(*account, presence);
    if (!first) co_return;
    show_own_sessions_to(*account, *session);
    auto event = std::make_shared<SessionEvent>(SessionEvent{session, account});
    Outcome outcome = host().hooks.session_available.run(*event);
    if (outcome.pending()) {
        Task<Outcome> rest = outcome.take_later();
        (void)co_await rest;
    }
    if (session->alive()) probe_contacts(*account, *session, *roster);
}

// In a later turn: the answers must not pile up behind the account's queue, in which we still are.
void Presence::probe_contacts(Account& account, const Session& session, const Roster& roster) {
    std::vector<Jid> contacts = contacts_who(sees_them, account, roster);
    if (contacts.empty()) return;
    auto probe = std::make_shared<Stanza>(Stanza::presence(PresenceType::probe));
    probe->from = session.jid();
    loop().post([&router = router(), probe, contacts = std::move(contacts)]() mutable {
        router.fan_out(probe, std::move(contacts));
    });
}

// RFC 6121 4.5.2 and 4.6.3. `roster`: its subscribers have seen the session and must hear of it.
void Presence::depart(Account& account, Session& session, const Roster* roster, const std::shared_ptr<Stanza>& presence) {
    std::vector<Jid> recipients;
    if (roster) recipients = contacts_who(sees_us, account, *roster);
    if (PresenceMarks* marks = session.slots().find<PresenceMarks>()) {
        const std::vector<Jid> directed = directed_only(account, std::exchange(marks->directed, {}), roster);
        recipients.insert(recipients.end(), directed.begin(), directed.end());
    }
    remember_last(account, presence, now());
    router().fan_out(presence, std::move(recipients));
    if (roster) show_to_own_sessions(account, presence);
}

Outcome Presence::closed(SessionEvent& event) {
    const PresenceMarks* marks = event.session->slots().find<PresenceMarks>();
    const bool seen = event.session->available() || (marks && !marks->directed.empty());
    if (!seen) return Outcome::pass();
    return withdraw(event.account, event.session);
}

// In a roster. Most who lose their connection at once have just lost their place in the cache of rosters, too.
Task<Result<std::shared_ptr<Roster>>> Presence::load_subscribers(AccountPtr account) {
    if (account->is_seen_by_nobody()) co_return std::make_shared<Roster>();
    co_return co_await account->load_roster();
}

// The session ended without a word.
Task<Outcome> Presence::withdraw(AccountPtr account, SessionPtr session) {
    std::shared_ptr<Roster> subscribers;
    if (session->available()) {
        Result<std::shared_ptr<Roster>> roster = co_await load_subscribers(account);
        if (roster.ok())
            subscribers = std::move(*roster);
        else
            log_error("roster_failed", {{"account", account->jid().str()}, {"error", roster.error().message}});
    }
    depart(*account, *session, subscribers.get(), make_unavailable(session->jid()));
    co_return Outcome::pass();
}

// --- directed presence (4.6) --------------------------------------------------------------------------------------

Outcome Presence::direct(Route& route) {
    if (route.to.same_bare(route.account->jid())) return Outcome::pass();
    const bool available = route.stanza->presence_type() == PresenceType::available;
    PresenceMarks* marks = route.sender->slots().find<PresenceMarks>();
    if (!marks && !available) return Outcome::pass();
    std::vector<Jid>& directed = route.sender->slots().get<PresenceMarks>().directed;
    const auto at = std::ranges::lower_bound(directed, route.to);
    const bool known = at != directed.end() && *at == route.to;
    if (!available) {
        if (known) directed.erase(at);
        return Outcome::pass();
    }
    if (known) return Outcome::pass();
    if (directed.size() >= options_.max_directed) return Outcome::refuse(StanzaError(Condition::resource_constraint));
    directed.insert(at, route.to);
    return Outcome::pass();
}

// --- probes (4.3) -------------------------------------------------------------------------------------------------

Outcome Presence::received(Route& route) {
    switch (route.stanza->presence_type()) {
        case PresenceType::probe: return probed(route);
        case PresenceType::error: break;
        default: return Outcome::pass();
    }
    // Directed presence that bounced needs no taking back.
    const SessionPtr session = route.to.is_full() ? route.account->find_session(route.to.resource()) : nullptr;
    if (PresenceMarks* marks = session ? session->slots().find<PresenceMarks>() : nullptr)
        std::erase(marks->directed, route.stanza->from);
    return Outcome::pass();
}

// A client has no need to probe, but may (4.3.1). Among our own users only those it is subscribed to, so that it
// learns nothing of the others, not even whether they exist.
Outcome Presence::may_probe(Route& route) {
    if (route.to.empty()) return Outcome::stop();
    if (route.to.same_bare(route.account->jid()) || !shard().find_host(route.to.domain())) return Outcome::pass();
    return may_probe_later(route.account, route.to.bare());
}

Task<Outcome> Presence::may_probe_later(AccountPtr account, Jid contact) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    const RosterItem* item = roster.ok() ? find_item(**roster, contact) : nullptr;
    if (item && sees_them(item->subscription)) co_return Outcome::pass();
    co_return Outcome::stop();
}

Outcome Presence::probed(Route& route) {
    Account& account = *route.account;
    const bool ours = shard().find_host(route.stanza->from.domain()) != nullptr;
    if (ours && !has_something_to_tell(account)) return Outcome::stop();
    const std::optional<bool> may_see = account.is_seen_by(route.stanza->from);
    if (may_see) return answer(account, *may_see, *route.stanza, route.to);
    return answer_later(route.account, route.stanza, route.to);
}

Task<Outcome> Presence::answer_later(AccountPtr account, StanzaPtr probe, Jid to) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) co_return Outcome::stop();
    co_return answer(*account, account->is_seen_by(probe->from).value_or(false), *probe, to);
}

// An account that is nobody's and one that hides from the asker answer alike (R16).
Outcome Presence::answer(Account& account, bool may_see, const Stanza& probe, const Jid& to) {
    if (!may_see) {
        Stanza refusal = Stanza::presence(PresenceType::unsubscribed, probe.from.bare());
        refusal.from = to.bare();
        router().send(std::move(refusal));
        return Outcome::stop();
    }
    bool told = false;
    for (const SessionPtr& session : account.sessions()) {
        if (!session->available() || (to.is_full() && session->jid() != to)) continue;
        router().fan_out(shown_by(*session), {probe.from});
        told = true;
    }
    if (told) return Outcome::stop();
    Stanza gone = account.last_unavailable() ? *account.last_unavailable() : *make_unavailable(account.jid());
    gone.from = to;
    gone.to = probe.from;
    router().send(std::move(gone));
    return Outcome::stop();
}

std::shared_ptr<Stanza> Presence::shown_by(const Session& session) {
    if (shown_.empty()) once<&Presence::forget_unread>(forget_unread_after);
    std::weak_ptr<Stanza>& known = shown_[session.id()];
    if (std::shared_ptr<Stanza> still_held = known.lock()) return still_held;
    std::shared_ptr<Stanza> shown(new Stanza(session.presence()));  // apart from its counts, which outlive it in shown_
    known = shown;
    return shown;
}

void Presence::forget_unread() {
    std::erase_if(shown_, [](const auto& entry) { return entry.second.expired(); });
    if (!shown_.empty()) return once<&Presence::forget_unread>(forget_unread_after);
    shown_ = {};  // and its table
}

// --- requests to a resource ---------------------------------------------------------------------------------------

// RFC 6121 8.5.3.1: only for who may know that the resource is there; others get what a missing one would answer.
// Our own services may: rooms, uploads and the like are asked for by the user himself.
Outcome Presence::request_received(Route& route) {
    const Jid& from = route.stanza->from;
    if (!route.stanza->is_request() || !route.to.is_full() || from.same_bare(route.account->jid())) return Outcome::pass();
    if (from.local().empty() && shard().find_host(from.domain())) return Outcome::pass();
    const SessionPtr session = route.account->find_session(route.to.resource());
    if (!session || was_sent_presence(*session, from)) return Outcome::pass();
    if (const auto may_see = route.account->is_seen_by(from)) return judge_request(*may_see);
    return judge_request_later(route.account, from);
}

Task<Outcome> Presence::judge_request_later(AccountPtr account, Jid from) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) co_return Outcome::refuse(StanzaError(Condition::internal_server_error, ErrorType::wait));
    co_return judge_request(account->is_seen_by(from).value_or(false));
}

}  // namespace

extern const ModuleSpec presence_module =
    declare<Presence, PresenceOptions>("presence", "Shows users who of their contacts is there (RFC 6121 section 4)")
        .option("max_directed", &PresenceOptions::max_directed,
                "How many addresses (rooms, for example) one session can send presence to by name")
        .option("burst", &PresenceOptions::burst, "Changes of presence a session may send at once", at_least(1))
        .option("then_every", &PresenceOptions::then_every,
                "After a burst, how often a session's presence is passed on; the latest wins", at_least(Milliseconds(1)));

}  // namespace rookery
