// Blocking command (XEP-0191 1.3). The list is one document of the account, loaded when it is first needed and kept in
// a slot with it. The user's other resources and the server's own address are never blocked.
#include <algorithm>
#include <limits>
#include <variant>

#include "base/log.h"
#include "core/module.h"
#include "core/services/block_list.h"
#include "core/subscription.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

constexpr const char* ns = "urn:xmpp:blocking";
const xml::Name list_name{ns, "blocklist"};
const xml::Name block_name{ns, "block"};
const xml::Name unblock_name{ns, "unblock"};
const xml::Name item_name{ns, "item"};
const xml::Name muc_user_name{"http://jabber.org/protocol/muc#user", "x"};
const xml::Name muc_invite_name{"http://jabber.org/protocol/muc#user", "invite"};

const char* const document_key = ns;
constexpr std::size_t max_document_bytes = 4u << 20;

struct BlockingOptions {
    std::size_t max_items = 10'000;
};

// On a session that asked for the list: it is told of changes.
struct WantsBlocklistPushes {};

// --- the list as XML ----------------------------------------------------------------------------------------------

xml::Element with_items(xml::Name name, const std::vector<Jid>& jids) {
    xml::Element element(name);
    for (const Jid& jid : jids) element.add(xml::Element(item_name).set("jid", jid.str()));
    return element;
}

// Sorted, each once; or what is wrong with an item.
std::variant<std::vector<Jid>, StanzaError> read_items(xml::View element) {
    std::vector<Jid> jids;
    for (xml::View child : element.children()) {
        if (!child.is(item_name)) continue;
        const auto address = child.attr("jid");
        if (!address) return StanzaError(Condition::bad_request, "an item without jid");
        std::optional<Jid> jid = Jid::parse(*address);
        if (!jid) return StanzaError(Condition::jid_malformed);
        jids.push_back(std::move(*jid));
    }
    std::ranges::sort(jids);
    jids.erase(std::unique(jids.begin(), jids.end()), jids.end());
    return jids;
}

BlockList read_document(const Document& document) {
    xml::ParserLimits limits;
    limits.max_bytes = max_document_bytes;
    limits.max_elements = std::numeric_limits<std::size_t>::max();
    const auto element = xml::parse_document(document.body, limits);
    BlockList list;
    list.version = document.version;
    if (!element) return list;
    auto read = read_items(*element);
    if (auto* jids = std::get_if<std::vector<Jid>>(&read)) list.entries = std::move(*jids);
    return list;
}

std::vector<Jid> merged(const std::vector<Jid>& list, const std::vector<Jid>& added) {
    std::vector<Jid> all;
    std::ranges::set_union(list, added, std::back_inserter(all));
    return all;
}

std::vector<Jid> without(const std::vector<Jid>& list, const std::vector<Jid>& removed) {
    std::vector<Jid> rest;
    std::ranges::set_difference(list, removed, std::back_inserter(rest));
    return rest;
}

// --- what it forbids ----------------------------------------------------------------------------------------------

bool never_blocked(const Account& account, const Jid& who) {
    return who.same_bare(account.jid()) || who == account.host().jid();
}

// A room passes an invitation on; the inviter stands inside (R18).
std::optional<Jid> inviter(const Stanza& stanza) {
    if (!stanza.is_message()) return std::nullopt;
    const auto from = stanza.child(muc_user_name).child(muc_invite_name).attr("from");
    return from ? Jid::parse(*from) : std::nullopt;
}

bool comes_from_blocked(const BlockList& list, const Stanza& stanza) {
    if (list.entries.empty()) return false;
    if (list.blocks(stanza.from)) return true;
    const std::optional<Jid> by = inviter(stanza);
    return by && list.blocks(*by);
}

Outcome judge_outgoing(const BlockList& list, const Route& route) {
    if (route.to.empty() || !list.blocks(route.to)) return Outcome::pass();
    return Outcome::refuse(StanzaError(Condition::not_acceptable, ErrorType::cancel)
                               .with(xml::Element("urn:xmpp:blocking:errors", "blocked")));
}

// No answer to presence, an error to messages and requests, as if nobody was there.
Outcome judge_incoming(const BlockList& list, const Stanza& stanza) {
    if (!comes_from_blocked(list, stanza)) return Outcome::pass();
    if (stanza.is_presence()) return Outcome::stop();
    return Outcome::refuse(StanzaError(Condition::service_unavailable));
}

// Presence that is more than news: with nobody there news are not worth loading a list.
bool asks(const Stanza& presence) {
    return is_subscription(presence.presence_type()) || presence.presence_type() == PresenceType::probe;
}

StanzaError try_later() { return StanzaError(Condition::internal_server_error, ErrorType::wait); }

class Blocking final : public Module {
public:
    Blocking(Host& our_host, const BlockingOptions& options);

private:
    Outcome outgoing(Route& route);
    Task<Outcome> outgoing_later(Route& route);
    Outcome incoming(Route& route);
    Task<Outcome> incoming_later(Route& route);
    // The account's list; nullptr: storage failed.
    Task<const BlockList*> load(AccountPtr account);

    IqReply get(Iq iq);
    Task<IqReply> answer_get(Iq iq);
    IqReply block(Iq iq);
    Task<IqReply> add(Iq iq, std::vector<Jid> added);
    IqReply unblock(Iq iq);
    Task<IqReply> remove(Iq iq, std::vector<Jid> removed);
    Task<std::optional<StanzaError>> store(AccountPtr account, std::vector<Jid> entries);
    void push(const Account& account, const Stanza& change);

    Task<void> disappear_from(AccountPtr account, BlockList before);
    Task<void> appear_to(AccountPtr account, BlockList before);

    BlockingOptions options_;
    std::uint64_t pushes_ = 0;
};

Blocking::Blocking(Host& our_host, const BlockingOptions& options) : Module(our_host), options_(options) {
    Hooks& hooks = our_host.hooks;
    for (Hook<Route>* hook : {&hooks.message_sent, &hooks.presence_sent, &hooks.iq_sent})
        on<&Blocking::outgoing>(*hook, Stage::privacy);
    for (Hook<Route>* hook : {&hooks.message_received, &hooks.presence_received, &hooks.iq_received})
        on<&Blocking::incoming>(*hook, Stage::privacy);
    iq<&Blocking::get>(IqType::get, list_name, At::account);
    iq<&Blocking::block>(IqType::set, block_name, At::account);
    iq<&Blocking::unblock>(IqType::set, unblock_name, At::account);
    feature(ns, At::host);
    carries_mark<WantsBlocklistPushes>();
}

// --- on the way ---------------------------------------------------------------------------------------------------

// Presence to everybody needs the list too: the presence module leaves out whom it blocks.
Outcome Blocking::outgoing(Route& route) {
    if (route.to.empty() ? !route.stanza->is_presence() : never_blocked(*route.account, route.to)) return Outcome::pass();
    if (const BlockList* list = route.account->slots().find<BlockList>()) return judge_outgoing(*list, route);
    return outgoing_later(route);
}

Task<Outcome> Blocking::outgoing_later(Route& route) {
    const BlockList* list = co_await load(route.account);
    if (!list) co_return Outcome::refuse(try_later());
    co_return judge_outgoing(*list, route);
}

Outcome Blocking::incoming(Route& route) {
    if (never_blocked(*route.account, route.stanza->from)) return Outcome::pass();
    if (const BlockList* list = route.account->slots().find<BlockList>()) return judge_incoming(*list, *route.stanza);
    if (route.stanza->is_presence() && route.account->sessions().empty() && !asks(*route.stanza)) return Outcome::pass();
    return incoming_later(route);
}

Task<Outcome> Blocking::incoming_later(Route& route) {
    const BlockList* list = co_await load(route.account);
    if (!list) co_return Outcome::refuse(try_later());
    co_return judge_incoming(*list, *route.stanza);
}

Task<const BlockList*> Blocking::load(AccountPtr account) {
    if (const BlockList* known = account->slots().find<BlockList>()) co_return known;
    const std::string key = document_key;
    Result<Document> document = co_await stores().documents.load(account->jid(), key);
    if (const BlockList* known = account->slots().find<BlockList>()) co_return known;
    if (!document.ok() && document.error().code != ErrorCode::not_found) {
        log_error("block_list_failed", {{"account", account->jid().str()}, {"error", document.error().message}});
        co_return nullptr;
    }
    BlockList& list = account->slots().get<BlockList>();
    if (document.ok()) list = read_document(*document);
    co_return &list;
}

// --- requests -----------------------------------------------------------------------------------------------------

IqReply Blocking::get(Iq iq) {
    if (!iq.own()) return Condition::service_unavailable;
    if (iq.sender) iq.sender->slots().get<WantsBlocklistPushes>();
    return answer_get(std::move(iq));
}

Task<IqReply> Blocking::answer_get(Iq iq) {
    const BlockList* list = co_await load(iq.account);
    if (!list) co_return try_later();
    co_return with_items(list_name, list->entries);
}

IqReply Blocking::block(Iq iq) {
    if (!iq.own()) return Condition::service_unavailable;
    auto read = read_items(iq.payload());
    if (const StanzaError* error = std::get_if<StanzaError>(&read)) return *error;
    std::vector<Jid>& jids = std::get<std::vector<Jid>>(read);
    if (jids.empty()) return StanzaError(Condition::bad_request, "nobody to block");
    return add(std::move(iq), std::move(jids));
}

Task<IqReply> Blocking::add(Iq iq, std::vector<Jid> added) {
    const BlockList* list = co_await load(iq.account);
    if (!list) co_return try_later();
    BlockList before = *list;
    std::vector<Jid> all = merged(before.entries, added);
    std::optional<StanzaError> error = co_await store(iq.account, std::move(all));
    if (error) co_return std::move(*error);
    push(*iq.account, *iq.stanza);
    Task<void> presence = disappear_from(iq.account, std::move(before));
    co_await presence;
    co_return IqReply();
}

IqReply Blocking::unblock(Iq iq) {
    if (!iq.own()) return Condition::service_unavailable;
    auto read = read_items(iq.payload());
    if (const StanzaError* error = std::get_if<StanzaError>(&read)) return *error;
    return remove(std::move(iq), std::move(std::get<std::vector<Jid>>(read)));
}

// Without items: everybody.
Task<IqReply> Blocking::remove(Iq iq, std::vector<Jid> removed) {
    const BlockList* list = co_await load(iq.account);
    if (!list) co_return try_later();
    BlockList before = *list;
    std::vector<Jid> rest;
    if (!removed.empty()) rest = without(before.entries, removed);
    std::optional<StanzaError> error = co_await store(iq.account, std::move(rest));
    if (error) co_return std::move(*error);
    push(*iq.account, *iq.stanza);
    Task<void> presence = appear_to(iq.account, std::move(before));
    co_await presence;
    co_return IqReply();
}

Task<std::optional<StanzaError>> Blocking::store(AccountPtr account, std::vector<Jid> entries) {
    BlockList& list = account->slots().get<BlockList>();
    if (entries == list.entries) co_return std::nullopt;
    if (entries.size() > std::max(options_.max_items, list.entries.size()))
        co_return StanzaError(Condition::resource_constraint, "the block list is full");
    std::string body = with_items(list_name, entries).to_string();
    if (body.size() > max_document_bytes) co_return StanzaError(Condition::resource_constraint, "the block list is full");
    const std::string key = document_key;
    const DocumentLimits limits(std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::max());
    Result<std::uint64_t> version = co_await stores().documents.put(account->jid(), key, body, list.version, limits);
    if (!version.ok()) {
        log_error("block_list_failed", {{"account", account->jid().str()}, {"error", version.error().message}});
        account->slots().clear<BlockList>();  // whatever was there: read it anew
        co_return try_later();
    }
    list.entries = std::move(entries);
    list.version = *version;
    co_return std::nullopt;
}

// The request itself, to each resource that asked for the list.
void Blocking::push(const Account& account, const Stanza& change) {
    Stanza iq = Stanza::iq(IqType::set, "block" + std::to_string(++pushes_));
    auto read = read_items(change.payload());
    const auto* items = std::get_if<std::vector<Jid>>(&read);
    const xml::Name name = change.payload().is(block_name) ? block_name : unblock_name;
    iq.element().add(with_items(name, items ? *items : std::vector<Jid>()));
    const auto stanza = std::make_shared<const Stanza>(std::move(iq));
    for (const SessionPtr& session : account.sessions())
        if (session->slots().find<WantsBlocklistPushes>()) session->deliver(stanza, session->jid());
}

// --- presence -----------------------------------------------------------------------------------------------------

// Where a roster contact is met by an entry: as a whole, or by those of its resources that are on the list.
std::vector<Jid> addresses_of(const Jid& contact, const BlockList& list, const BlockList& other) {
    if (list.blocks(contact)) return other.blocks(contact) ? std::vector<Jid>() : std::vector<Jid>{contact};
    std::vector<Jid> resources;
    for (const Jid& entry : list.entries)
        if (entry.is_full() && entry.same_bare(contact) && !other.blocks(entry)) resources.push_back(entry);
    return resources;
}

Task<void> Blocking::disappear_from(AccountPtr account, BlockList before) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    const BlockList* now = account->slots().find<BlockList>();
    if (!roster.ok() || !now) co_return;
    for (const RosterItem& item : (*roster)->items) {
        if (!sees_us(item.subscription)) continue;
        for (const Jid& to : addresses_of(item.contact, *now, before)) {
            for (const SessionPtr& session : account->sessions()) {
                if (!session->available()) continue;
                Stanza gone = Stanza::presence(PresenceType::unavailable, to);
                gone.from = session->jid();
                router().send(std::move(gone));
            }
        }
    }
}

// The other way round, and a look at who of them is there: their presence was kept away so far.
Task<void> Blocking::appear_to(AccountPtr account, BlockList before) {
    Result<std::shared_ptr<Roster>> roster = co_await account->load_roster();
    const BlockList* now = account->slots().find<BlockList>();
    if (!roster.ok() || !now) co_return;
    std::vector<Stanza> presences;
    for (const RosterItem& item : (*roster)->items) {
        for (const Jid& to : addresses_of(item.contact, before, *now)) {
            for (const SessionPtr& session : account->sessions()) {
                if (!session->available()) continue;
                if (sees_us(item.subscription)) {
                    presences.push_back(session->presence());
                    presences.back().to = to;
                }
                if (sees_them(item.subscription)) {
                    presences.push_back(Stanza::presence(PresenceType::probe, to));
                    presences.back().from = session->jid();
                }
            }
        }
    }
    for (Stanza& presence : presences) router().send(std::move(presence));
}

}  // namespace

extern const ModuleSpec blocking_module =
    declare<Blocking, BlockingOptions>("blocking", "Lets users block others (XEP-0191)")
        .implements(191, "1.3")
        .option("max_items", &BlockingOptions::max_items, "Addresses on one block list", at_least(1));

}  // namespace rookery
