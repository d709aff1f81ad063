// Message archive (XEP-0313 1.1.3 with #extended), preferences (XEP-0441) and search (XEP-0431). The archive is a view
// of the account's log (storage/archive_store.h): this module says which messages stay in it, core/message_log.h
// writes them. A page is handed out in the account's own queue, so what arrives meanwhile comes behind it, and as what
// the log knows: a client that asks before its first presence is not sent the same messages again by modules/offline.
#include <algorithm>
#include <limits>

#include "base/log.h"
#include "base/stamped_id.h"
#include "core/access.h"
#include "core/archive_preferences.h"
#include "core/archive_question.h"
#include "core/archive_sweep.h"
#include "core/backlog.h"
#include "core/delivery.h"
#include "core/message_log.h"
#include "core/module.h"
#include "core/worth_keeping.h"
#include "xmpp/payload/date_time.h"
#include "xmpp/payload/forwarded.h"
#include "xmpp/payload/rsm.h"
#include "xmpp/payload/stanza_id.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {
namespace {

constexpr const char* extended_ns = "urn:xmpp:mam:2#extended";
constexpr const char* groupchat_field_ns = "urn:xmpp:mam:2#groupchat-field";
constexpr const char* fulltext_ns = "urn:xmpp:fulltext:0";
constexpr const char* rsm_ns = "http://jabber.org/protocol/rsm";
const xml::Name query_name{mam_ns, "query"};
const xml::Name result_name{mam_ns, "result"};
const xml::Name fin_name{mam_ns, "fin"};
const xml::Name metadata_name{mam_ns, "metadata"};
const xml::Name start_name{mam_ns, "start"};
const xml::Name end_name{mam_ns, "end"};
const xml::Name body_name{"jabber:client", "body"};
const xml::Name pubsub_event_name{"http://jabber.org/protocol/pubsub#event", "event"};
const xml::Name no_permanent_store_name{"urn:xmpp:hints", "no-permanent-store"};

const char* const preferences_key = mam_ns;  // of the account's document

constexpr Seconds sweep_period = std::chrono::hours(1);
constexpr Milliseconds between_slices{100};      // nobody waits for the sweeper, and nobody shall wait because of it
constexpr Milliseconds between_slices_asked{5};  // an administrator waits

StanzaError try_later() { return StanzaError(Condition::internal_server_error, ErrorType::wait); }

// --- what is kept -------------------------------------------------------------------------------------------------

// Besides what nobody keeps: what may wait for a login, but not for good (XEP-0334 4.1); and notifications without words:
// they are news of the moment, and their service has them.
bool is_worth_archiving(const Route& route) {
    if (!worth_keeping(route).keep() || route.stanza->child(no_permanent_store_name)) return false;
    return route.store || !route.stanza->child(pubsub_event_name) || route.stanza->child(body_name);
}

// On an account: what is stored of its preferences, once they were asked for.
struct Stored {
    std::unique_ptr<const ArchivePreferences> preferences;  // null: the usual
};

// --- what is answered ---------------------------------------------------------------------------------------------

// Of the messages asked for by id, those the page is for.
ArchivePage page_of(std::vector<ArchivedMessage> messages, const PageRequest& wanted) {
    ArchivePage page;
    page.total = messages.size();
    std::erase_if(messages, [&wanted](const ArchivedMessage& message) {
        return message.id <= wanted.after || (wanted.before != 0 && message.id >= wanted.before);
    });
    page.complete = messages.size() <= wanted.max;
    const std::size_t beyond = page.complete ? 0 : messages.size() - wanted.max;
    const auto cut = wanted.backward ? messages.begin() : messages.end() - static_cast<std::ptrdiff_t>(beyond);
    messages.erase(cut, cut + static_cast<std::ptrdiff_t>(beyond));
    page.messages = std::move(messages);
    return page;
}

StanzaError refusal(const Error& error) {
    switch (error.code) {
        case ErrorCode::not_found: return StanzaError(Condition::item_not_found);
        case ErrorCode::invalid: return StanzaError(Condition::bad_request, error.message);
        case ErrorCode::limit: return StanzaError(Condition::resource_constraint, ErrorType::modify, "too much is stored already");
        case ErrorCode::unavailable: return StanzaError(Condition::resource_constraint, ErrorType::wait);
        default: return try_later();
    }
}

// What a search found while its index still grows may become more.
xml::Element fin_of(const ArchivePage& page) {
    xml::Element fin(fin_name);
    if (page.complete && page.searched_all) fin.set("complete", "true");
    if (!page.searched_all) fin.set("stable", "false");
    RsmResult set;
    if (!page.messages.empty()) {
        set.first = stamped_id_text(page.messages.front().id);
        set.last = stamped_id_text(page.messages.back().id);
    }
    // COMPAT: slixmpp 1.8.3 takes a page at the set's end for its last one, although it pages backwards from there.
    if (page.first_index == 0U) set.first_index = 0;
    if (page.total) set.count = static_cast<std::uint32_t>(*page.total);
    return fin.add(set.to_xml()).moved();
}

// Nullopt: it cannot be read.
std::optional<Stanza> result_of(const Account& account, const ArchivedMessage& message, const std::string& query_id) {
    std::optional<Stanza> kept = parse_stanza(message.stanza_xml);
    if (!kept || !kept->is_message()) return std::nullopt;
    const std::string id = stamped_id_text(message.id);
    StanzaId::add_to(kept->element(), id, account.jid());
    xml::Element result(result_name);
    if (!query_id.empty()) result.set("queryid", query_id);
    result.set("id", id).add(Forwarded::wrap(*kept, {}, Delay(stamped_id_time(message.id))));
    Stanza stanza = Stanza::message(MessageType::normal);
    stanza.from = account.jid();
    stanza.element().add(result);
    return stanza;
}

// --- the module ---------------------------------------------------------------------------------------------------

struct MamOptions {
    ArchivePolicy policy = ArchivePolicy::always;
    bool request_activates_archiving = false;
    AccessRule access_preferences;
    Seconds max_age = std::chrono::duration_cast<Seconds>(forever);
    std::uint64_t max_messages = std::numeric_limits<std::uint64_t>::max();
};

class Mam final : public Module {
public:
    Mam(Host& our_host, const MamOptions& options);

private:
    Outcome sent(Route& route);
    Outcome received(Route& route);
    Outcome undelivered(Route& route);
    Outcome decide(Route& route, bool Route::*note, const Jid& peer);
    Task<Outcome> decide_later(Route& route, bool Route::*note, Jid peer);

    ArchivePreferences usual() const;
    Task<Result<ArchivePreferences>> load_preferences(AccountPtr account);
    Task<Result<void>> store_preferences(AccountPtr account, ArchivePreferences preferences);
    IqReply get_preferences(Iq iq);
    Task<IqReply> answer_preferences(Iq iq);
    IqReply set_preferences(Iq iq);
    Task<IqReply> change_preferences(Iq iq, ArchivePreferences preferences);

    IqReply form(Iq) { return archive_query_form(); }
    IqReply metadata(Iq iq) { return answer_metadata(std::move(iq)); }
    Task<IqReply> answer_metadata(Iq iq);
    IqReply query(Iq iq);
    Task<IqReply> answer_query(Iq iq, ArchiveQuestion question);
    Task<Result<void>> activate(AccountPtr account);
    Task<Result<ArchivePage>> look_up(Jid owner, ArchiveQuestion question);
    Task<bool> hand_over(AccountPtr account, SessionPtr session, std::vector<ArchivedMessage> messages, std::string query_id);

    void sweep_now();
    Task<void> sweep_all();

    MamOptions options_;
    bool sweeping_ = false;
};

Mam::Mam(Host& our_host, const MamOptions& options) : Module(our_host), options_(options) {
    on<&Mam::sent>(our_host.hooks.message_sent, Stage::archive);
    on<&Mam::received>(our_host.hooks.message_received, Stage::archive);
    on<&Mam::undelivered>(our_host.hooks.message_undelivered, Stage::deliver);
    iq<&Mam::form>(IqType::get, query_name, At::account, Asker::owner);
    iq<&Mam::query>(IqType::set, query_name, At::account, Asker::owner);
    iq<&Mam::metadata>(IqType::get, metadata_name, At::account, Asker::owner);
    iq<&Mam::get_preferences>(IqType::get, ArchivePreferences::name, At::account, Asker::owner);
    iq<&Mam::set_preferences>(IqType::set, ArchivePreferences::name, At::account, Asker::owner);
    for (const char* ns : {mam_ns, extended_ns, groupchat_field_ns, fulltext_ns, rsm_ns}) {
        feature(ns, At::account);
        feature(ns, At::host);  // COMPAT: clients of before 2017 look here
    }
    ArchiveBoundsOfHost& bounds = our_host.slots().get<ArchiveBoundsOfHost>();
    bounds = ArchiveBoundsOfHost();
    if (!is_forever(options.max_age)) bounds.max_age = options.max_age;
    if (options.max_messages != std::numeric_limits<std::uint64_t>::max()) bounds.max_messages = options.max_messages;
    if (bounds.any() && shard().index() == 0) every<&Mam::sweep_now>(sweep_period);
}

// --- on the way

// The server's own address is nobody to talk to, and what goes nowhere is not sent.
Outcome Mam::sent(Route& route) {
    const bool to_somebody = !route.to.empty() && router().reaches(route.to.domain()) &&
                             (!route.to.local().empty() || !shard().find_host(route.to.domain()));
    const bool to_oneself = route.to.empty();
    if ((!to_somebody && !to_oneself) || !is_worth_archiving(route)) return Outcome::pass();
    return decide(route, &Route::archive_sent, to_oneself ? route.account->jid() : route.to);
}

// What is refused is in nobody's archive.
Outcome Mam::received(Route& route) {
    if (!is_worth_archiving(route)) return Outcome::pass();
    const Delivery::Verdict verdict = decide_delivery(*route.account, *route.stanza, route.to).verdict;
    if (verdict != Delivery::Verdict::sessions && verdict != Delivery::Verdict::undelivered) {
        route.archive_sent = false;
        return Outcome::pass();
    }
    if (!route.account->exists()) return Outcome::pass();
    return decide(route, &Route::archive, route.stanza->from);
}

// The archive has it, even where nothing waits for a login.
Outcome Mam::undelivered(Route& route) { return route.log_id != 0 ? Outcome::stop() : Outcome::pass(); }

Outcome Mam::decide(Route& route, bool Route::*note, const Jid& peer) {
    const Stored* stored = route.account->slots().find<Stored>();
    if (!stored) return decide_later(route, note, peer);
    const ArchivePolicy policy = (stored->preferences ? *stored->preferences : usual()).policy_for(peer);
    const Roster* roster = route.account->roster();
    if (policy == ArchivePolicy::roster && !roster) return decide_later(route, note, peer);
    route.*note = policy == ArchivePolicy::always || (policy == ArchivePolicy::roster && find_item(*roster, peer.bare()));
    return Outcome::pass();
}

Task<Outcome> Mam::decide_later(Route& route, bool Route::*note, Jid peer) {
    Result<ArchivePreferences> preferences = co_await load_preferences(route.account);
    if (!preferences.ok()) co_return Outcome::refuse(try_later());
    const ArchivePolicy policy = preferences->policy_for(peer);
    route.*note = policy == ArchivePolicy::always;
    if (policy != ArchivePolicy::roster) co_return Outcome::pass();
    Result<std::shared_ptr<Roster>> roster = co_await route.account->load_roster();
    if (!roster.ok()) co_return Outcome::refuse(try_later());
    route.*note = find_item(**roster, peer.bare()) != nullptr;
    co_return Outcome::pass();
}

// --- preferences

ArchivePreferences Mam::usual() const {
    ArchivePreferences preferences;
    preferences.policy = options_.request_activates_archiving ? ArchivePolicy::never : options_.policy;
    return preferences;
}

Task<Result<ArchivePreferences>> Mam::load_preferences(AccountPtr account) {
    if (const Stored* known = account->slots().find<Stored>())
        co_return known->preferences ? *known->preferences : usual();
    const std::string key = preferences_key;
    Result<Document> document = co_await stores().documents.load(account->jid(), key);
    if (!document.ok() && document.error().code != ErrorCode::not_found) {
        log_error("archive_preferences_failed", {{"account", account->jid().str()}, {"error", document.error().message}});
        co_return std::move(document).error();
    }
    Stored& stored = account->slots().get<Stored>();
    if (document.ok() && !stored.preferences) {
        const std::optional<xml::Element> element = xml::parse_document(document->body);
        ArchivePreferences read;
        if (element && !read_archive_preferences(*element, read)) stored.preferences = std::make_unique<const ArchivePreferences>(std::move(read));
    }
    co_return stored.preferences ? *stored.preferences : usual();
}

Task<Result<void>> Mam::store_preferences(AccountPtr account, ArchivePreferences preferences) {
    const std::string key = preferences_key;
    std::string body = preferences.to_xml().to_string();
    const DocumentLimits limits = host().options().documents;
    Result<std::uint64_t> stored =
        co_await stores().documents.put(account->jid(), key, std::move(body), std::nullopt, limits);
    if (!stored.ok()) co_return std::move(stored).error();
    account->slots().get<Stored>().preferences = std::make_unique<const ArchivePreferences>(std::move(preferences));
    co_return Result<void>();
}

IqReply Mam::get_preferences(Iq iq) { return answer_preferences(std::move(iq)); }

Task<IqReply> Mam::answer_preferences(Iq iq) {
    Result<ArchivePreferences> preferences = co_await load_preferences(iq.account);
    if (!preferences.ok()) co_return try_later();
    co_return preferences->to_xml();
}

IqReply Mam::set_preferences(Iq iq) {
    if (!host().allows(options_.access_preferences, iq.account->jid())) return Condition::not_allowed;
    ArchivePreferences preferences;
    if (auto error = read_archive_preferences(iq.payload(), preferences)) return std::move(*error);
    return change_preferences(std::move(iq), std::move(preferences));
}

Task<IqReply> Mam::change_preferences(Iq iq, ArchivePreferences preferences) {
    xml::Element applied = preferences.to_xml();
    Result<void> stored = co_await store_preferences(iq.account, std::move(preferences));
    if (!stored.ok()) co_return refusal(stored.error());
    co_return applied;
}

// --- questions

Task<IqReply> Mam::answer_metadata(Iq iq) {
    Result<ArchiveBounds> bounds = co_await stores().archive.load_bounds(iq.account->jid());
    if (!bounds.ok()) co_return refusal(bounds.error());
    xml::Element answer(metadata_name);
    const auto add = [&answer](xml::Name name, std::uint64_t id) {
        answer.add(xml::Element(name).set("id", stamped_id_text(id)).set("timestamp", format_date_time(stamped_id_time(id))));
    };
    if (bounds->newest != 0) {
        add(start_name, bounds->oldest);
        add(end_name, bounds->newest);
    }
    co_return answer;
}

IqReply Mam::query(Iq iq) {
    ArchiveQuestion question;
    if (auto wrong = read_archive_question(iq.payload(), question)) return std::move(*wrong);
    return answer_query(std::move(iq), std::move(question));
}

// The ledger is loaded first: a message in the page that waits for a session is received with it.
Task<IqReply> Mam::answer_query(Iq iq, ArchiveQuestion question) {
    Result<void> active = co_await activate(iq.account);
    if (!active.ok()) co_return refusal(active.error());
    const bool loaded = co_await host().message_log().load(iq.account);
    if (!loaded) co_return try_later();
    if (iq.account->committing()) co_await iq.account->commits_done();  // what the page has must not come again behind it
    const bool flip = question.flip;
    std::string query_id = question.query_id;
    Result<ArchivePage> page = co_await look_up(iq.account->jid(), std::move(question));
    if (!page.ok()) co_return refusal(page.error());
    xml::Element fin = fin_of(*page);
    if (flip) std::ranges::reverse(page->messages);
    if (!iq.sender) co_return IqReply();  // gone meanwhile
    Task<bool> handing = hand_over(iq.account, iq.sender, std::move(page->messages), std::move(query_id));
    const bool taken = co_await handing;
    if (!taken) co_return StanzaError(Condition::resource_constraint, ErrorType::wait, "too slow");
    co_return fin;
}

// ejabberd's request_activates_archiving: nothing is kept for an account whose clients never asked.
Task<Result<void>> Mam::activate(AccountPtr account) {
    if (!options_.request_activates_archiving) co_return Result<void>();
    Result<ArchivePreferences> preferences = co_await load_preferences(account);
    if (!preferences.ok()) co_return std::move(preferences).error();
    if (account->slots().get<Stored>().preferences) co_return Result<void>();
    ArchivePreferences first;
    first.policy = options_.policy;
    Result<void> stored = co_await store_preferences(account, std::move(first));
    co_return stored;
}

Task<Result<ArchivePage>> Mam::look_up(Jid owner, ArchiveQuestion question) {
    if (question.ids.empty()) {
        Result<ArchivePage> page = co_await stores().archive.query(owner, std::move(question.filter), question.page);
        co_return page;
    }
    Result<std::vector<ArchivedMessage>> messages = co_await stores().archive.load(owner, std::move(question.ids));
    if (!messages.ok()) co_return std::move(messages).error();
    co_return page_of(std::move(*messages), question.page);
}

// Never more at once than a connection may have in its output.
Task<bool> Mam::hand_over(AccountPtr account, SessionPtr session, std::vector<ArchivedMessage> messages, std::string query_id) {
    for (const ArchivedMessage& message : messages) {
        std::optional<Stanza> result = result_of(*account, message, query_id);
        if (!result) {
            log_error("archive_unreadable", {{"account", account->jid().str()}, {"id", message.id}});
            continue;
        }
        session->deliver(std::make_shared<const Stanza>(std::move(*result)), session->jid(),
                         Handover{{}, message.outgoing ? 0 : message.id});
        if (session->has_room()) continue;
        const bool taken = co_await taken_by(loop(), session);
        if (!taken) co_return false;
    }
    co_return true;
}

// --- expiry

void Mam::sweep_now() {
    if (!std::exchange(sweeping_, true)) run(sweep_all());
}

Task<void> Mam::sweep_all() {
    const ArchiveBoundsOfHost bounds = host().slots().get<ArchiveBoundsOfHost>();
    Task<Removal> sweeping = sweep_archives(stores().archive, loop(), host().domain(), bounds, between_slices);
    const Removal done = co_await sweeping;
    if (done.error) log_warning("archive_not_swept", {{"domain", host().domain()}, {"reason", done.error->message}});
    if (done.messages > 0) log_info("archive_swept", {{"domain", host().domain()}, {"messages", done.messages}});
    sweeping_ = false;
}

// --- the administrator's verbs ------------------------------------------------------------------------------------

std::optional<Jid> our_account(const CommandContext& context, const Arguments& args) {
    std::optional<Jid> jid = Jid::make(args.text("user"), args.text("host"));
    return jid && context.shards.at(0).find_host(jid->domain()) ? jid : std::nullopt;
}

Error no_address() { return Error(ErrorCode::invalid, "no address of this server"); }

Result<Value> removed(const Removal& done) {
    if (done.error) return *done.error;
    return Value(std::to_string(done.messages) + " messages removed");
}

Task<Result<Value>> get_mam_count(CommandContext context, Arguments args) {
    const std::optional<Jid> who = our_account(context, args);
    if (!who) co_return no_address();
    Result<std::uint64_t> count = co_await context.stores.archive.count(*who);
    if (!count.ok()) co_return std::move(count).error();
    co_return Value(*count);
}

Task<Result<Value>> remove_for_user(CommandContext context, Jid who, ArchiveFilter filter) {
    Result<std::uint64_t> exists = co_await context.stores.archive.count(who);
    if (!exists.ok()) co_return std::move(exists).error();
    Loop& loop = context.shards.at(0).loop();
    Task<Removal> removing =
        remove_from_archive(context.stores.archive, loop, who, std::move(filter), between_slices_asked);
    const Removal done = co_await removing;
    co_return removed(done);
}

Task<Result<Value>> remove_mam_for_user(CommandContext context, Arguments args) {
    const std::optional<Jid> who = our_account(context, args);
    if (!who) co_return no_address();
    ArchiveFilter all;
    Task<Result<Value>> removing = remove_for_user(context, *who, std::move(all));
    Result<Value> answer = co_await removing;
    co_return answer;
}

Task<Result<Value>> remove_mam_for_user_with_peer(CommandContext context, Arguments args) {
    const std::optional<Jid> who = our_account(context, args);
    if (!who) co_return no_address();
    ArchiveFilter filter;
    filter.with = Jid::parse(args.text("with"));
    if (!filter.with) co_return Error(ErrorCode::invalid, "'with' must be an address");
    Task<Result<Value>> removing = remove_for_user(context, *who, std::move(filter));
    Result<Value> answer = co_await removing;
    co_return answer;
}

Task<Result<Value>> delete_old_mam_messages(CommandContext context, Arguments args) {
    const std::string& type = args.text("type");
    if (type != "chat" && type != "groupchat" && type != "all")
        co_return Error(ErrorCode::invalid, "'type' must be chat, groupchat or all");
    const std::int64_t days = args.integer("days");
    if (days < 0 || days > 100'000) co_return Error(ErrorCode::invalid, "'days' must be a number from 0 to 100000");
    if (type == "groupchat") co_return removed(Removal());  // rooms have no archives
    Loop& loop = context.shards.at(0).loop();
    const WallTime before = loop.clock().wall_now() - std::chrono::hours(24 * days);
    Task<Removal> removing = remove_older_from_archives(context.stores.archive, loop, before, between_slices_asked);
    const Removal done = co_await removing;
    co_return removed(done);
}

Task<Result<Value>> delete_expired_messages(CommandContext context, Arguments) {
    Shard& shard = context.shards.at(0);
    Removal all;
    std::vector<std::pair<std::string, ArchiveBoundsOfHost>> hosts;
    for (const std::unique_ptr<Host>& host : shard.hosts())
        if (host->has_module("mam")) hosts.emplace_back(host->domain(), host->slots().get<ArchiveBoundsOfHost>());
    for (const auto& [domain, bounds] : hosts) {
        Task<Removal> sweeping =
            sweep_archives(context.stores.archive, shard.loop(), domain, bounds, between_slices_asked);
        const Removal done = co_await sweeping;
        all.messages += done.messages;
        all.error = done.error;
        if (all.error) break;
    }
    co_return removed(all);
}

const CommandArg user{"user", ArgType::text, "user name, without the domain"};
const CommandArg host_arg{"host", ArgType::text, "domain of this server"};

}  // namespace

extern const ModuleSpec mam_module =
    declare<Mam, MamOptions>("mam", "Keeps users' messages in an archive that their clients can read and search")
        .implements(313, "1.1.3")
        .implements(431, "0.2.0")
        .implements(441, "0.2.0")
        .option("default", &MamOptions::policy, "Whose messages are kept, where a user has not said otherwise",
                one_of<ArchivePolicy>({{"always", ArchivePolicy::always},
                                       {"roster", ArchivePolicy::roster},
                                       {"never", ArchivePolicy::never}}))
        .option("request_activates_archiving", &MamOptions::request_activates_archiving,
                "Keep nothing for a user before one of his clients asked the archive for the first time")
        .option("access_preferences", &MamOptions::access_preferences, "Who may change what is kept for him")
        .option("max_age", &MamOptions::max_age, "Older messages are removed, every hour", at_least(Seconds(3'600)), or_infinity())
        .option("max_messages", &MamOptions::max_messages,
                "Messages kept for one account; older ones are removed, every hour", at_least(std::uint64_t{1}), or_infinity())
        .ignored("assume_mam_usage", "what nobody acknowledged waits for the next session, unless it asked the archive first")
        .ignored("compress_xml", "messages are stored as they are")
        .ignored("clear_archive_on_room_destroy", "rooms are not provided yet")
        .ignored("user_mucsub_from_muc_archive", "rooms are not provided yet")
        .ignored("archive_muc_as_mucsub", "rooms are not provided yet")
        .command({"get_mam_count", "messages", "How many messages are in a user's archive", {user, host_arg}, get_mam_count})
        .command({"remove_mam_for_user", "messages", "Remove a user's archive", {user, host_arg}, remove_mam_for_user})
        .command({"remove_mam_for_user_with_peer", "messages", "Remove what a user's archive has of one other",
                  {user, host_arg, {"with", ArgType::text, "address of the other"}},
                  remove_mam_for_user_with_peer})
        .command({"delete_old_mam_messages", "messages", "Remove old messages from all archives",
                  {{"type", ArgType::text, "chat, groupchat or all"}, {"days", ArgType::integer, "the age from which on"}},
                  delete_old_mam_messages})
        .command({"delete_expired_messages", "messages",
                  "Remove now what is past the bounds of the archive (max_age, max_messages)", {}, delete_expired_messages});

}  // namespace rookery
