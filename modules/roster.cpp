// The roster (RFC 6121 section 2, versions of 2.6) and subscriptions (section 3 and Appendix A, pre-approval of 3.4).
// Everything that changes an account's roster runs in that account's queue, one after the other. What the tables of
// Appendix A say is in core/subscription.h; here is what follows from it.
#include <algorithm>
#include <functional>
#include <set>
#include <variant>

#include "base/log.h"
#include "base/number.h"
#include "base/token_bucket.h"
#include "core/access.h"
#include "core/module.h"
#include "core/roster_xml.h"
#include "core/subscription.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {

extern const ModuleSpec roster_module;

namespace {

const xml::Name query_name{"jabber:iq:roster", "query"};
const xml::Name item_name{"jabber:iq:roster", "item"};
const xml::Name group_name{"jabber:iq:roster", "group"};
const xml::Name versioning_name{"urn:xmpp:features:rosterver", "ver"};
const xml::Name pre_approval_name{"urn:xmpp:features:pre-approval", "sub"};

constexpr std::size_t max_text_bytes = 1'023;        // of a name or a group
constexpr std::size_t max_catch_up = 50;             // changes sent one by one; past it the whole roster is sent
constexpr std::size_t max_request_bytes = 1'024;     // of a stored request; past it what the asker added is left out
constexpr std::size_t max_asked_again = 100;         // open requests of our own, repeated at login
constexpr BucketRate request_rate{20, std::chrono::minutes(3)};  // R14: to strangers, of one account

struct RosterOptions {
    bool versioning = true;
    std::size_t max_items = 10'000;
    ByteSize max_size = 2_MB;
    std::size_t max_groups = 32;
    std::size_t max_requests = 1'000;
    AccessRule access;
};

struct RequestBucket {
    TokenBucket bucket;
    bool told = false;  // the log, since the last request that went through
};

// How much one roster may hold.
struct RosterBounds {
    explicit RosterBounds(const RosterOptions& options)
        : items(options.max_items),
          bytes(static_cast<std::size_t>(options.max_size.bytes)),
          groups(options.max_groups) {}

    std::size_t items;
    std::size_t bytes;
    std::size_t groups;  // of one contact
};

// R15. What makes the roster no larger always fits: the bound may be lower than it was.
bool fits(const Account& account, const Roster& roster, const RosterItem& item, const RosterBounds& bounds) {
    const RosterItem* old = find_item(roster, item.contact);
    const std::size_t before = old ? bytes_of(*old) : 0;
    const std::size_t after = bytes_of(item);
    return after <= before || account.roster_bytes() - before + after <= bounds.bytes;
}

// --- what a client wants changed (2.3, 2.5) -----------------------------------------------------------------------

struct Wish {
    Jid contact;
    bool remove = false;
    std::string name;
    std::vector<std::string> groups;
};

std::optional<StanzaError> refuse_texts(const std::string& name, const std::vector<std::string>& groups,
                                        std::size_t max_groups) {
    const auto not_acceptable = [](const char* why) { return StanzaError(Condition::not_acceptable, why); };
    const auto is_too_long = [](const std::string& text) { return text.size() > max_text_bytes; };
    if (is_too_long(name)) return not_acceptable("the name is too long");
    if (groups.size() > max_groups) return not_acceptable("too many groups");
    if (std::ranges::any_of(groups, is_too_long)) return not_acceptable("a group's name is too long");
    if (std::ranges::any_of(groups, &std::string::empty)) return not_acceptable("a group has no name");
    return std::nullopt;
}

// One too many is enough to refuse them.
std::vector<std::string> read_groups(xml::View item, std::size_t max_groups) {
    std::vector<std::string> groups;
    for (xml::View child : item.children())
        if (child.is(group_name) && groups.size() <= max_groups) groups.push_back(child.text());
    return groups;
}

bool has_repeated(std::vector<std::string> groups) {
    std::ranges::sort(groups);
    return std::ranges::adjacent_find(groups) != groups.end();
}

// RFC 6121 2.3.3.
std::variant<Wish, StanzaError> read_wish(xml::View query, std::size_t max_groups) {
    const auto items = query.children();
    if (std::distance(items.begin(), items.end()) != 1) return StanzaError(Condition::bad_request, "not exactly one item");
    const xml::View item = query.first_child();
    const auto address = item.is(item_name) ? item.attr("jid") : std::nullopt;
    if (!address) return StanzaError(Condition::bad_request, "an item without jid");
    const std::optional<Jid> jid = Jid::parse(*address);
    if (!jid) return StanzaError(Condition::jid_malformed);
    Wish wish;
    wish.contact = jid->bare();
    wish.remove = item.attr_or("subscription", "") == "remove";
    if (wish.remove) return wish;
    wish.name = item.attr_or("name", "");
    wish.groups = read_groups(item, max_groups);
    if (auto error = refuse_texts(wish.name, wish.groups, max_groups)) return std::move(*error);
    if (has_repeated(wish.groups)) return StanzaError(Condition::bad_request, "a group twice");
    return wish;
}

// --- what clients are shown ---------------------------------------------------------------------------------------

xml::Element removed_xml(const Jid& contact) {
    return xml::Element(item_name).set("jid", contact.str()).set("subscription", "remove").moved();
}

std::vector<xml::Element> in_order(const RosterChanges& changes) {
    std::vector<xml::Element> items;
    auto changed = changes.changed.begin();
    auto removed = changes.removed.begin();
    for (const bool removal : changes.removal_next)
        items.push_back(removal ? removed_xml(*removed++) : roster_item_xml(*changed++));
    return items;
}

// --- subscriptions ------------------------------------------------------------------------------------------------

RosterItem item_or_new(const Roster& roster, const Jid& contact) {
    const RosterItem* item = find_item(roster, contact);
    return item ? *item : RosterItem(contact);
}

RosterItem with_state(RosterItem item, const SubscriptionState& state) {
    item.subscription = state.subscription;
    item.ask_subscribe = state.pending_out;
    return item;
}

// 3.4.2: an approval nobody asked for yet is kept; taking the subscription back takes it back too.
bool approved_after(bool before, const SubscriptionState& state, PresenceType type) {
    if (type == PresenceType::unsubscribed) return false;
    const bool nobody_asked = !state.pending_in && !sees_us(state.subscription);
    return before || (type == PresenceType::subscribed && nobody_asked);
}

Stanza make_presence(PresenceType type, const Jid& from, const Jid& to) {
    Stanza stanza = Stanza::presence(type, to);
    stanza.from = from;
    return stanza;
}

// The request as it is shown and stored: from bare JID to bare JID (3.1.2).
std::shared_ptr<Stanza> between_bare(const Stanza& stanza, const Jid& from, const Jid& to) {
    auto copy = std::make_shared<Stanza>(stanza);
    copy->from = from;
    copy->to = to;
    return copy;
}

std::string stored_form(const Stanza& request) {
    std::string xml = request.to_string();
    if (xml.size() <= max_request_bytes) return xml;
    Stanza plain = make_presence(PresenceType::subscribe, request.from, request.to);
    return plain.to_string();
}

StanzaPtr read_stored(const std::string& xml) {
    const auto document = xml::parse_document("<r xmlns='jabber:client'>" + xml + "</r>");
    if (!document || document->view().first_child().local() != "presence") return nullptr;
    std::optional<Stanza> stanza = Stanza::from_element(xml::Element(document->view().first_child()), nullptr, nullptr);
    return stanza ? std::make_shared<const Stanza>(std::move(*stanza)) : nullptr;
}

StanzaError storage_failed(const Account& account, const Error& error) {
    if (error.code == ErrorCode::limit) return StanzaError(Condition::resource_constraint, "the roster is full");
    if (error.code == ErrorCode::invalid) return StanzaError(Condition::not_acceptable);
    if (error.code == ErrorCode::not_found) return StanzaError(Condition::item_not_found);  // or the account is gone
    log_error("roster_failed", {{"account", account.jid().str()}, {"error", error.message}});
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

void show(const Account& account, const StanzaPtr& stanza, bool (Session::*to_whom)() const) {
    for (const SessionPtr& session : account.sessions())
        if ((*session.*to_whom)()) session->deliver(stanza, stanza->is_iq() ? session->jid() : account.jid());
}

// 2.1.6. With the version, whether or not the client cares.
void push(const Account& account, const xml::Element& item, std::uint64_t version) {
    Stanza iq = Stanza::iq(IqType::set, "push" + std::to_string(version));
    iq.element().add(xml::Element(query_name).set("ver", std::to_string(version)).add(item));
    show(account, std::make_shared<const Stanza>(std::move(iq)), &Session::interested);
}

Task<Result<void>> store_and_push(AccountPtr account, RosterItem item, RosterBounds bounds) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) co_return std::move(roster).error();
    if (!fits(*account, **roster, item, bounds)) co_return Error(ErrorCode::limit, "the roster is full");
    const xml::Element shown = roster_item_xml(item);
    Result<std::uint64_t> version = co_await account->put_roster_item(std::move(item), bounds.items);
    if (!version.ok()) co_return std::move(version).error();
    push(*account, shown, *version);
    co_return Result<void>();
}

class RosterModule final : public Module {
public:
    RosterModule(Host& our_host, const RosterOptions& options);

private:
    Outcome request_sent(Route& route);
    Outcome request_received(Route& route);
    IqReply get(Iq iq);
    Task<IqReply> answer_get(Iq iq);
    Task<bool> can_catch_up(Jid owner, std::string known);
    Task<void> catch_up_later(AccountPtr account, SessionPtr session, std::string known);
    Task<Nothing> catch_up(AccountPtr account, SessionPtr session, std::string known);
    IqReply set(Iq iq);
    Task<IqReply> change(Iq iq, Wish wish);
    Task<IqReply> remove(Iq iq, Jid contact);
    void end_subscriptions(const Account& account, const Jid& contact, const SubscriptionState& state);

    Task<Result<void>> store(AccountPtr account, RosterItem item) {
        return store_and_push(std::move(account), std::move(item), RosterBounds(options_));
    }

    Outcome sent(Route& route);
    Task<Outcome> send_out(AccountPtr account, Route& route);
    Task<Result<void>> note_sent(AccountPtr account, std::shared_ptr<Roster> roster, Jid contact, PresenceType type);
    void send_on(const Account& account, const Stanza& stanza, Subscription before);
    bool may_ask(Account& account) const;
    Outcome received(Route& route);
    Task<Outcome> take_in(AccountPtr account, StanzaPtr stanza);
    Task<Outcome> told(AccountPtr account, std::shared_ptr<Roster> roster, StanzaPtr stanza);
    Task<Outcome> asked(AccountPtr account, std::shared_ptr<Roster> roster, StanzaPtr request);
    void approve(const Account& account, const Jid& contact);
    Outcome available(SessionEvent& event);
    Task<Outcome> available_later(AccountPtr account, SessionPtr session);
    Outcome show_requests(const Account& account, const Roster& roster, Session& session);
    void ask_again(const Account& account, const Roster& roster);
    void send_presence(const Account& account, const Jid& contact);
    void send_unavailable(const Account& account, const Jid& contact);

    RosterOptions options_;
};

RosterModule::RosterModule(Host& our_host, const RosterOptions& options) : Module(our_host), options_(options) {
    iq<&RosterModule::get>(IqType::get, query_name, At::account);
    iq<&RosterModule::set>(IqType::set, query_name, At::account);
    on<&RosterModule::request_sent>(our_host.hooks.iq_sent, Stage::guard);
    on<&RosterModule::request_received>(our_host.hooks.iq_received, Stage::guard);
    on<&RosterModule::sent>(our_host.hooks.presence_sent, Stage::deliver);
    on<&RosterModule::received>(our_host.hooks.presence_received, Stage::deliver);
    on<&RosterModule::available>(our_host.hooks.session_available, Stage::deliver);
    if (options_.versioning) stream_feature(xml::Element(versioning_name), StreamPhase::logged_in);
    stream_feature(xml::Element(pre_approval_name), StreamPhase::logged_in);
}

// --- whose roster -------------------------------------------------------------------------------------------------

// R7, R8: nobody asks for or sends what only an account and its own server say to each other. Refused here, before
// it matters whether the other one exists.
Outcome RosterModule::request_sent(Route& route) {
    if (!route.stanza->is_request() || !route.stanza->payload().is(query_name)) return Outcome::pass();
    if (route.to.empty() || route.to == route.account->jid()) return Outcome::pass();
    return Outcome::refuse(StanzaError(Condition::forbidden));
}

Outcome RosterModule::request_received(Route& route) {
    if (!route.stanza->is_request() || !route.stanza->payload().is(query_name)) return Outcome::pass();
    if (route.stanza->from.same_bare(route.account->jid())) return Outcome::pass();
    return Outcome::refuse(StanzaError(Condition::service_unavailable));
}

// --- reading it (2.2, 2.6) ----------------------------------------------------------------------------------------

IqReply RosterModule::get(Iq iq) {
    if (iq.payload().first_child()) return StanzaError(Condition::bad_request, "a get has no items");
    if (iq.sender) iq.sender->set_interested();
    return answer_get(std::move(iq));
}

Task<IqReply> RosterModule::answer_get(Iq iq) {
    Result<std::shared_ptr<Roster>> roster = co_await iq.account->load_roster();
    if (!roster.ok()) co_return storage_failed(*iq.account, roster.error());
    const auto known = iq.payload().attr("ver");
    if (!known || !options_.versioning) co_return roster_xml(**roster);
    if (*known == std::to_string((*roster)->version)) co_return IqReply();
    Task<bool> checking = can_catch_up(iq.account->jid(), std::string(*known));
    const bool possible = co_await checking;
    if (!possible || !iq.sender) co_return roster_xml(**roster, true);
    run(catch_up_later(iq.account, iq.sender, std::string(*known)));
    co_return IqReply();
}

Task<bool> RosterModule::can_catch_up(Jid owner, std::string known) {
    const std::optional<std::uint64_t> version = parse_number<std::uint64_t>(known);
    if (!version) co_return false;
    Result<std::optional<RosterChanges>> changes = co_await stores().roster.load_since(std::move(owner), *version);
    co_return changes.ok() && *changes && (*changes)->changed.size() + (*changes)->removed.size() <= max_catch_up;
}

// Behind the empty result, which is about to enter the account's queue.
Task<void> RosterModule::catch_up_later(AccountPtr account, SessionPtr session, std::string known) {
    co_await next_turn(loop());
    Task<Nothing> work = account->alone(catch_up(account, session, known));
    co_await work;
}

// Read anew, since the roster may have changed in between. Only the last push names the new version: a client that
// is cut off before it keeps its old one and starts again from there.
Task<Nothing> RosterModule::catch_up(AccountPtr account, SessionPtr session, std::string known) {
    const Jid owner = account->jid();
    Result<std::optional<RosterChanges>> since =
        co_await stores().roster.load_since(owner, parse_number<std::uint64_t>(known).value_or(0));
    if (!session->alive() || !since.ok() || !*since) co_return Nothing();
    const RosterChanges& changes = **since;
    const std::vector<xml::Element> items = in_order(changes);
    for (std::size_t i = 0; i < items.size(); ++i) {
        const bool last = i + 1 == items.size();
        const std::string version = last ? std::to_string(changes.version) : known;
        Stanza iq = Stanza::iq(IqType::set, "push" + std::to_string(changes.version) + "-" + std::to_string(i));
        iq.element().add(xml::Element(query_name).set("ver", version).add(items[i]));
        session->deliver(std::make_shared<const Stanza>(std::move(iq)), session->jid());
    }
    co_return Nothing();
}

// --- changing it (2.3 to 2.5) -------------------------------------------------------------------------------------

IqReply RosterModule::set(Iq iq) {
    if (!host().allows(options_.access, iq.account->jid())) return Condition::not_allowed;
    auto read = read_wish(iq.payload(), options_.max_groups);
    if (const StanzaError* error = std::get_if<StanzaError>(&read)) return *error;
    Wish& wish = std::get<Wish>(read);
    if (wish.contact == iq.account->jid()) return StanzaError(Condition::not_allowed, "nobody is his own contact");
    if (wish.remove) return remove(std::move(iq), std::move(wish.contact));
    return change(std::move(iq), std::move(wish));
}

Task<IqReply> RosterModule::change(Iq iq, Wish wish) {
    Result<std::shared_ptr<Roster>> roster = co_await iq.account->load_roster();
    if (!roster.ok()) co_return storage_failed(*iq.account, roster.error());
    RosterItem item = item_or_new(**roster, wish.contact);
    item.name = std::move(wish.name);
    item.groups = std::move(wish.groups);
    Result<void> stored = co_await store(iq.account, std::move(item));
    if (!stored.ok()) co_return storage_failed(*iq.account, stored.error());
    co_return IqReply();
}

Task<IqReply> RosterModule::remove(Iq iq, Jid contact) {
    Result<std::shared_ptr<Roster>> roster = co_await iq.account->load_roster();
    if (!roster.ok()) co_return storage_failed(*iq.account, roster.error());
    if (!find_item(**roster, contact)) co_return Condition::item_not_found;
    const SubscriptionState state = subscription_state(**roster, contact);
    Result<std::uint64_t> version = co_await iq.account->remove_roster_item(contact);
    if (!version.ok()) co_return storage_failed(*iq.account, version.error());
    push(*iq.account, removed_xml(contact), *version);
    end_subscriptions(*iq.account, contact, state);
    co_return IqReply();
}

// 2.5.2, and the same for requests that were still open.
void RosterModule::end_subscriptions(const Account& account, const Jid& contact, const SubscriptionState& state) {
    if (sees_us(state.subscription)) send_unavailable(account, contact);
    if (sees_us(state.subscription) || state.pending_in)
        router().send(make_presence(PresenceType::unsubscribed, account.jid(), contact));
    if (sees_them(state.subscription) || state.pending_out)
        router().send(make_presence(PresenceType::unsubscribe, account.jid(), contact));
}

// --- subscriptions, on their way out (A.2) ------------------------------------------------------------------------

Outcome RosterModule::sent(Route& route) {
    if (!is_subscription(route.stanza->presence_type())) return Outcome::pass();
    if (route.to.empty() || route.to.same_bare(route.account->jid())) return Outcome::stop();
    if (!host().allows(options_.access, route.account->jid())) return Outcome::refuse(StanzaError(Condition::not_allowed));
    return route.account->alone(send_out(route.account, route));
}

// R14: strangers are asked at a bounded rate.
bool RosterModule::may_ask(Account& account) const {
    RequestBucket& requests = account.slots().get<RequestBucket>();
    const bool may = requests.bucket.take(request_rate, loop().clock().steady_now());
    if (!may && !requests.told) log_warning("subscription_flood", {{"account", account.jid().str()}});
    requests.told = !may;
    return may;
}

Task<Outcome> RosterModule::send_out(AccountPtr account, Route& route) {
    const Jid contact = route.to.bare();
    const PresenceType type = route.stanza->presence_type();
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) co_return Outcome::refuse(storage_failed(*account, roster.error()));
    const SubscriptionState before = subscription_state(**roster, contact);
    const bool asks_stranger = type == PresenceType::subscribe && before.subscription == Subscription::none;
    if (asks_stranger && !may_ask(*account))
        co_return Outcome::refuse(StanzaError(Condition::resource_constraint, "too many requests to strangers"));
    Task<Result<void>> noting = note_sent(account, *roster, contact, type);
    Result<void> noted = co_await noting;
    if (!noted.ok()) co_return Outcome::refuse(storage_failed(*account, noted.error()));
    if (!outbound_step(before, type).passes) co_return Outcome::stop();
    // RFC 6120 10.4.3. The request stays open all the same: it is made again at each login (RFC 6121 3.1.2), until the
    // user takes it back. What ends or allows something holds here without the other side's knowing.
    if (type == PresenceType::subscribe && !router().reaches(contact.domain()))
        co_return Outcome::refuse(StanzaError(Condition::remote_server_not_found));
    send_on(*account, *between_bare(*route.stanza, account->jid(), contact), before.subscription);
    co_return Outcome::stop();
}

// What it changes here: in the roster, and among the requests that wait for the user.
Task<Result<void>> RosterModule::note_sent(AccountPtr account, std::shared_ptr<Roster> roster, Jid contact,
                                           PresenceType type) {
    const SubscriptionState state = subscription_state(*roster, contact);
    const SubscriptionStep step = outbound_step(state, type);
    const RosterItem before = item_or_new(*roster, contact);
    RosterItem after = with_state(before, step.next);
    after.approved = approved_after(before.approved, state, type);
    const bool denied = state.pending_in && type == PresenceType::unsubscribed;
    if (denied) {
        Result<bool> removed = co_await account->remove_request(contact);
        if (!removed.ok()) co_return std::move(removed).error();
    }
    if (after != before) {
        Task<Result<void>> storing = store(account, std::move(after));
        co_return co_await storing;
    }
    if (type == PresenceType::subscribe && step.next.pending_out)
        push(*account, roster_item_xml(before), roster->version);  // 3.1.2: after each request that waits for an answer
    co_return Result<void>();
}

void RosterModule::send_on(const Account& account, const Stanza& stanza, Subscription before) {
    const PresenceType type = stanza.presence_type();
    if (type == PresenceType::unsubscribed && sees_us(before)) send_unavailable(account, stanza.to);
    router().send(stanza);
    if (type == PresenceType::subscribed) send_presence(account, stanza.to);
}

// --- subscriptions, coming in (A.3) -------------------------------------------------------------------------------

// A user who does not exist says nothing, like one who does not answer (3.1.3).
Outcome RosterModule::received(Route& route) {
    if (!is_subscription(route.stanza->presence_type())) return Outcome::pass();
    if (!route.account->exists() || route.stanza->from.same_bare(route.account->jid())) return Outcome::stop();
    return take_in(route.account, between_bare(*route.stanza, route.stanza->from.bare(), route.account->jid()));
}

Task<Outcome> RosterModule::take_in(AccountPtr account, StanzaPtr stanza) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) {
        (void)storage_failed(*account, roster.error());
        co_return Outcome::stop();
    }
    const bool asks = stanza->presence_type() == PresenceType::subscribe;
    Task<Outcome> taking = asks ? asked(account, *roster, stanza) : told(account, *roster, stanza);
    co_return co_await taking;
}

// Their answer to us, or that a request or a subscription of theirs is over.
Task<Outcome> RosterModule::told(AccountPtr account, std::shared_ptr<Roster> roster, StanzaPtr stanza) {
    const Jid contact = stanza->from;
    const SubscriptionState state = subscription_state(*roster, contact);
    const SubscriptionStep step = inbound_step(state, stanza->presence_type());
    if (!step.passes) co_return Outcome::stop();
    const RosterItem before = item_or_new(*roster, contact);
    const RosterItem after = with_state(before, step.next);
    if (state.pending_in && !step.next.pending_in) {
        Result<bool> withdrawn = co_await account->remove_request(contact);
        if (!withdrawn.ok()) (void)storage_failed(*account, withdrawn.error());
    }
    Result<std::uint64_t> version = roster->version;
    if (after != before) version = co_await account->put_roster_item(after, options_.max_items);
    if (!version.ok()) {
        (void)storage_failed(*account, version.error());
        co_return Outcome::stop();
    }
    show(*account, stanza, &Session::interested);  // before the push (3.1.6, 3.2.3, 3.3.3)
    if (after != before) push(*account, roster_item_xml(after), *version);
    const bool leaves = stanza->presence_type() == PresenceType::unsubscribe && sees_us(state.subscription);
    if (leaves) send_unavailable(*account, contact);
    co_return Outcome::stop();
}

// 3.1.3: whoever sees us already, or was approved beforehand, is answered at once; others wait for the user.
Task<Outcome> RosterModule::asked(AccountPtr account, std::shared_ptr<Roster> roster, StanzaPtr request) {
    const Jid contact = request->from;
    const SubscriptionState state = subscription_state(*roster, contact);
    if (sees_us(state.subscription)) {
        approve(*account, contact);
        co_return Outcome::stop();
    }
    RosterItem item = item_or_new(*roster, contact);
    if (item.approved) {
        item.subscription = sees_them(item.subscription) ? Subscription::both : Subscription::from;
        Result<void> stored = co_await store(account, std::move(item));
        if (stored.ok()) approve(*account, contact);
        co_return Outcome::stop();
    }
    if (state.pending_in) co_return Outcome::stop();
    PendingRequest pending(contact, stored_form(*request));
    Result<void> kept = co_await account->put_request(std::move(pending), options_.max_requests);
    if (kept.ok())
        show(*account, request, &Session::available);
    else if (kept.error().code == ErrorCode::limit)
        log_debug("subscription_requests_full", {{"account", account->jid().str()}, {"from", contact.str()}});
    else
        (void)storage_failed(*account, kept.error());
    co_return Outcome::stop();
}

void RosterModule::approve(const Account& account, const Jid& contact) {
    router().send(make_presence(PresenceType::subscribed, account.jid(), contact));
    send_presence(account, contact);
}

// --- when a session comes -----------------------------------------------------------------------------------------

Outcome RosterModule::available(SessionEvent& event) {
    if (const Roster* roster = event.account->roster()) return show_requests(*event.account, *roster, *event.session);
    return available_later(event.account, event.session);
}

Task<Outcome> RosterModule::available_later(AccountPtr account, SessionPtr session) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok() || !session->alive()) co_return Outcome::pass();
    co_return show_requests(*account, **roster, *session);
}

// 3.1.3: again at each login, until they are answered.
Outcome RosterModule::show_requests(const Account& account, const Roster& roster, Session& session) {
    for (const PendingRequest& request : roster.requests)
        if (StanzaPtr stanza = read_stored(request.stanza_xml)) session.deliver(stanza);
    const auto there = std::ranges::count_if(account.sessions(), [](const SessionPtr& other) { return other->available(); });
    if (there == 1) ask_again(account, roster);
    return Outcome::pass();
}

// 3.1.2: our own requests that got no answer, in case they were lost.
void RosterModule::ask_again(const Account& account, const Roster& roster) {
    std::vector<Jid> asked;
    for (const RosterItem& item : roster.items)
        if (item.ask_subscribe && asked.size() < max_asked_again) asked.push_back(item.contact);
    for (const Jid& contact : asked) router().send(make_presence(PresenceType::subscribe, account.jid(), contact));
}

// --- presence that follows from a subscription --------------------------------------------------------------------

void RosterModule::send_presence(const Account& account, const Jid& contact) {
    for (const SessionPtr& session : account.sessions()) {
        if (!session->available()) continue;
        Stanza copy = session->presence();
        copy.to = contact;
        router().send(std::move(copy));
    }
}

void RosterModule::send_unavailable(const Account& account, const Jid& contact) {
    for (const SessionPtr& session : account.sessions())
        if (session->available()) router().send(make_presence(PresenceType::unavailable, session->jid(), contact));
}

// --- the administrator's verbs ------------------------------------------------------------------------------------

Error no_such_account(const Jid& jid) { return Error(ErrorCode::not_found, jid.to_string() + " does not exist"); }

Result<Jid> read_address(const Arguments& args, std::string_view local, std::string_view domain) {
    std::optional<Jid> jid = Jid::make(args.text(local), args.text(domain));
    if (!jid) return Error(ErrorCode::invalid, args.text(local) + "@" + args.text(domain) + " is no address");
    return std::move(*jid);
}

std::vector<std::string> split_groups(std::string_view text) {
    std::vector<std::string> groups;
    std::set<std::string_view> seen;
    while (!text.empty()) {
        const std::string_view group = text.substr(0, text.find(';'));
        if (!group.empty() && seen.insert(group).second) groups.emplace_back(group);
        text.remove_prefix(std::min(text.size(), group.size() + 1));
    }
    return groups;
}

std::optional<Subscription> read_subscription(std::string_view name) {
    for (Subscription known : {Subscription::none, Subscription::to, Subscription::from, Subscription::both})
        if (name == to_string(known)) return known;
    return std::nullopt;
}

// As the host is configured; the defaults where the module is off.
RosterBounds bounds_of(const Host& host) {
    for (const HostOptions::ModuleOptions& loaded : host.options().modules)
        if (loaded.spec == &roster_module)
            return RosterBounds(*static_cast<const RosterOptions*>(loaded.options.get()));
    return RosterBounds(RosterOptions());
}

// Bounded like a client's change.
Task<Result<void>> put_contact(AccountPtr account, RosterItem item) {
    const RosterBounds bounds = bounds_of(account->host());
    if (item.contact == account->jid()) co_return Error(ErrorCode::invalid, "nobody is his own contact");
    const std::optional<StanzaError> wrong = refuse_texts(item.name, item.groups, bounds.groups);
    if (wrong) co_return Error(ErrorCode::limit, wrong->text);
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    if (!roster.ok()) co_return std::move(roster).error();
    if (const RosterItem* old = find_item(**roster, item.contact)) {
        item.ask_subscribe = old->ask_subscribe && !sees_them(item.subscription);
        item.approved = old->approved;
    }
    Task<Result<void>> storing = store_and_push(account, std::move(item), bounds);
    co_return co_await storing;
}

Task<Result<void>> remove_contact(AccountPtr account, Jid contact) {
    Result<std::uint64_t> version = co_await account->remove_roster_item(contact);
    if (!version.ok() && version.error().code == ErrorCode::not_found)
        co_return Error(ErrorCode::not_found, contact.to_string() + " is not in the roster of " + account->jid().to_string());
    if (!version.ok()) co_return std::move(version).error();
    push(*account, removed_xml(contact), *version);
    co_return Result<void>();
}

// `change` on the account's shard and in its queue.
Task<Result<void>> change_at_home(Shard* shard, Jid owner, std::function<Task<Result<void>>(AccountPtr)> change) {
    Result<AccountPtr> account = Error(ErrorCode::not_found, "no such host");
    if (shard->find_host(owner.domain())) account = co_await shard->load_account(owner);
    if (!account.ok()) co_return std::move(account).error();
    if (!(*account)->exists()) co_return no_such_account(owner);
    Task<Result<void>> work = (*account)->alone(change(*account));
    co_return co_await work;
}

Task<Result<Value>> change_roster(CommandContext context, Jid owner, std::function<Task<Result<void>>(AccountPtr)> change) {
    const unsigned home = context.shards.home_of(owner.bare_str());
    auto work = [owner, change](Shard& shard) { return change_at_home(&shard, owner, change); };
    Task<Result<void>> changing = context.shards.on(home, std::move(work));
    Result<void> changed = co_await changing;
    if (!changed.ok()) co_return std::move(changed).error();
    co_return Value("Roster of " + owner.to_string() + " changed");
}

Task<Result<Value>> add_rosteritem(CommandContext context, Arguments args) {
    Result<Jid> owner = read_address(args, "localuser", "localhost");
    if (!owner.ok()) co_return std::move(owner).error();
    Result<Jid> contact = read_address(args, "user", "host");
    if (!contact.ok()) co_return std::move(contact).error();
    const std::optional<Subscription> subscription = read_subscription(args.text("subs"));
    if (!subscription) co_return Error(ErrorCode::invalid, "'subs' is none, to, from or both");
    RosterItem item(*contact);
    item.name = args.text("nick");
    item.groups = split_groups(args.text("groups"));
    item.subscription = *subscription;
    auto change = [item](AccountPtr account) { return put_contact(std::move(account), item); };
    Task<Result<Value>> changing = change_roster(context, *owner, std::move(change));
    co_return co_await changing;
}

Task<Result<Value>> delete_rosteritem(CommandContext context, Arguments args) {
    Result<Jid> owner = read_address(args, "localuser", "localhost");
    if (!owner.ok()) co_return std::move(owner).error();
    Result<Jid> contact = read_address(args, "user", "host");
    if (!contact.ok()) co_return std::move(contact).error();
    auto change = [who = *contact](AccountPtr account) { return remove_contact(std::move(account), who); };
    Task<Result<Value>> changing = change_roster(context, *owner, std::move(change));
    co_return co_await changing;
}

const CommandArg local_user{"localuser", ArgType::text, "whose roster: user name, without the domain"};
const CommandArg local_host{"localhost", ArgType::text, "whose roster: domain of this server"};
const CommandArg contact_user{"user", ArgType::text, "the contact's user name"};
const CommandArg contact_host{"host", ArgType::text, "the contact's domain"};

}  // namespace

extern const ModuleSpec roster_module =
    declare<RosterModule, RosterOptions>("roster", "Contact lists and subscriptions to presence (RFC 6121 sections 2, 3)")
        .option("versioning", &RosterOptions::versioning,
                "Send clients that know an older roster only what changed since (RFC 6121 section 2.6)")
        .option("max_items", &RosterOptions::max_items, "Contacts in one roster", at_least(1))
        .option("max_size", &RosterOptions::max_size, "Addresses, names and groups of one roster, in all")
        .option("max_groups", &RosterOptions::max_groups, "Groups one contact can be in", at_least(1))
        .option("max_requests", &RosterOptions::max_requests, "Subscription requests that wait for one user's answer",
                at_least(1))
        .option("access", &RosterOptions::access,
                "Access rule: who may change his roster and ask for subscriptions")
        .command({"add_rosteritem", "roster", "Add or change a contact in one user's roster (that of the other is not touched)",
                  {local_user, local_host, contact_user, contact_host,
                   {"nick", ArgType::text, "how the contact is shown"},
                   {"groups", ArgType::text, "separated by ;"},
                   {"subs", ArgType::text, "none, to, from or both"}},
                  add_rosteritem})
        .command({"delete_rosteritem", "roster", "Take a contact out of one user's roster",
                  {local_user, local_host, contact_user, contact_host}, delete_rosteritem});

}  // namespace rookery
