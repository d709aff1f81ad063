// Push notifications (XEP-0357): a client names the service that can wake it; when a message comes for a device that is not
// there, the service is told.
//
// Who is woken: a registration belongs to the resource that made it. Its session is over, or waits for its client
// (XEP-0198): the service is told at once. It is connected: its client has 10 seconds to say anything; a suspended phone
// says nothing. A client that knows no stream management says nothing either, so as long as it is connected it is left alone.
// What for: core/services/push_wakes. For each registration at most one notification is on its way; what comes meanwhile is counted.
//
// Registrations are one document of the account, kept in a slot with it. What is on its way is in memory only. So after a
// start everybody is told of what waits for him in the log and came within the last day: nobody knows whom a notification
// reached, and two of them are better than none. Older messages were told of, or given up, long ago.
#include <algorithm>
#include <unordered_map>

#include "base/crypto.h"
#include "base/log.h"
#include "base/sparse_log.h"
#include "base/stamped_id.h"
#include "core/delivery.h"
#include "core/module.h"
#include "core/services/push.h"
#include "core/services/push_notice.h"
#include "core/services/push_registration.h"
#include "core/services/push_wakes.h"

namespace rookery {
namespace {

using push::Happening;
using push::IncludedBody;
using push::Notice;
using push::NotifyOn;
using push::Registration;

const xml::Name enable_name{push::ns, "enable"};
const xml::Name disable_name{push::ns, "disable"};
const xml::Name error_name{"jabber:client", "error"};

const char* const document_key = push::ns;
constexpr Seconds client_answers_within{10};
constexpr std::size_t max_on_the_way = 10'000;  // registrations with something to say, on one shard
constexpr std::size_t max_looked_at = 100;      // of the messages that wait for one account, at a start

constexpr Seconds after_start{10};              // clients and push services come back first
constexpr Seconds shortly_before_start = std::chrono::hours(24);
constexpr Milliseconds between_slices{100};     // of accounts, at a start
constexpr Seconds before_asking_again{10};      // storage, at a start
constexpr unsigned max_asked = 30;              // for one account

struct PushOptions {
    bool include_sender = false;
    IncludedBody include_body;
    NotifyOn notify_on = NotifyOn::all;
    std::size_t max_registrations = 10;
};

// On an account.
struct Registrations {
    std::vector<Registration> all;
    std::vector<Happening> early;  // while they are being loaded
    bool loaded = false;
    bool loading = false;

    static constexpr std::size_t max_early = 100;
};

// How far a start has come with waking those for whom messages wait.
struct Waking {
    Waking(std::uint64_t after, std::uint64_t end) : after_id(after), end_id(end) {}
    const std::uint64_t after_id, end_id;  // of the messages: above the one, below the other
    std::string after_local;               // accounts up to this one are through
    unsigned asked = 0;                    // of storage, for the next one
};

// In the host's slots: a reload of the module forgets nobody.
struct Notices {
    std::unordered_map<std::string, Notice> all;        // by push::key_of()
    std::unordered_map<std::string, std::string> by_id;  // of the request that waits for an answer: its key
    std::uint64_t begun = 0, refused = 0;                // since the start
    bool woken = false;                                  // for what waited at the start, or being woken
    std::shared_ptr<Waking> waking;                      // null: nobody is
};

// Not: a session that waits for its client to come back.
bool connected(const Session& session) { return session.last_heard() != SteadyTime{}; }

StanzaError storage_error(const Error& error) {
    if (error.code == ErrorCode::limit)
        return StanzaError(Condition::resource_constraint, ErrorType::modify, "too much is stored already");
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

class Push final : public Module {
public:
    Push(Host& our_host, const PushOptions& options) : Module(our_host), options_(options) {
        iq<&Push::enable>(IqType::set, enable_name, At::account, Asker::owner);
        iq<&Push::disable>(IqType::set, disable_name, At::account, Asker::owner);
        feature(push::ns, At::account);
        on<&Push::message>(our_host.hooks.message_received, Stage::deliver);
        on<&Push::answered>(our_host.hooks.iq_received, Stage::deliver);
        on<&Push::came_back>(our_host.hooks.session_bound, Stage::deliver);
        on<&Push::came_back>(our_host.hooks.session_resumed, Stage::deliver);
        on<&Push::account_removed>(our_host.hooks.account_removed, Stage::deliver);
        queue({.name = "push", .unit = "notifications", .kind = QueueKind::queue, .where = {},
               .counts = [this] { return counts_of(on_the_way().begun, notices().size(), on_the_way().refused); },
               .look = [this] { return look_at_notices(); }});
        carries_mark<WantsPush>();
        if (!notices().empty()) sweep_soon();
        on<&Push::wanted>(our_host.slots().get<PushService>().wake, Stage::deliver);
        if (!on_the_way().woken) once<&Push::wake_after_start>(after_start);
        if (on_the_way().waking) once<&Push::wake_more>(between_slices);
    }

private:
    // --- enabling (section 5) and disabling (section 6); both run in the account's queue

    IqReply enable(Iq iq) {
        auto one = push::read_enable(iq.payload(), iq.stanza->from.resource());
        if (const auto* error = std::get_if<StanzaError>(&one)) return *error;
        return add(std::move(iq), std::get<Registration>(std::move(one)));
    }

    Task<IqReply> add(Iq iq, Registration one) {
        const bool known = co_await load(iq.account);
        if (!known) co_return StanzaError(Condition::internal_server_error, ErrorType::wait);
        std::vector<Registration> all = iq.account->slots().get<Registrations>().all;
        std::erase_if(all, [&one](const Registration& other) { return other.is_at(one.service, one.node); });
        if (all.size() >= options_.max_registrations)
            co_return StanzaError(Condition::resource_constraint, ErrorType::modify, "too many registrations");
        all.push_back(std::move(one));
        IqReply reply = co_await keep(iq.account, std::move(all));
        co_return reply;
    }

    IqReply disable(Iq iq) {
        const std::optional<Jid> service = Jid::parse(iq.payload().attr_or("jid", ""));
        if (!iq.payload().attr("jid")) return StanzaError(Condition::bad_request, "no jid");
        if (!service) return Condition::jid_malformed;
        std::optional<std::string> node;
        if (const auto given = iq.payload().attr("node")) node = std::string(*given);
        return forget(std::move(iq.account), *service, std::move(node));
    }

    // Which of its sessions want to be woken?
    static void mark_sessions(Account& account) {
        const auto& all = account.slots().get<Registrations>().all;
        for (const SessionPtr& session : account.sessions()) {
            const auto is_its = [&session](const Registration& one) { return one.resource == session->jid().resource(); };
            if (std::ranges::any_of(all, is_its))
                session->slots().get<WantsPush>();
            else
                session->slots().clear<WantsPush>();
        }
    }

    // Without a node: all of the service.
    Task<IqReply> forget(AccountPtr account, Jid service, std::optional<std::string> node) {
        const bool known = co_await load(account);
        if (!known) co_return StanzaError(Condition::internal_server_error, ErrorType::wait);
        std::vector<Registration> left = account->slots().get<Registrations>().all;
        std::erase_if(left, [&](const Registration& one) {
            const bool gone = one.service == service && (!node || one.node == *node);
            if (gone) drop(push::key_of(account->jid(), one.service, one.node));
            return gone;
        });
        if (left.size() == account->slots().get<Registrations>().all.size()) co_return IqReply();
        IqReply reply = co_await keep(account, std::move(left));
        co_return reply;
    }

    Task<IqReply> keep(AccountPtr account, std::vector<Registration> all) {
        std::string body = push::write_document(all);
        const DocumentLimits limits = host().options().documents;
        Result<std::uint64_t> stored =
            co_await stores().documents.put(account->jid(), document_key, std::move(body), std::nullopt, limits);
        if (!stored.ok()) co_return storage_error(stored.error());
        account->slots().get<Registrations>().all = std::move(all);
        mark_sessions(*account);
        co_return IqReply();
    }

    // False: storage does not answer.
    Task<bool> load(AccountPtr account) {
        if (account->slots().get<Registrations>().loaded) co_return true;
        Result<Document> document = co_await stores().documents.load(account->jid(), document_key);
        if (!document.ok() && document.error().code != ErrorCode::not_found) co_return false;
        Registrations& registrations = account->slots().get<Registrations>();
        if (registrations.loaded) co_return true;
        registrations.loaded = true;
        if (document.ok()) registrations.all = push::read_document(document->body);
        co_return true;
    }

    // --- messages

    Outcome message(Route& route) {
        if (!route.account->exists() || wants_no_push(*route.account)) return Outcome::pass();
        const push::Wakes verdict = push::wakes(*route.stanza, route.no_store, route.account->jid(), options_.notify_on);
        log_debug("push", {{"account", route.account->jid().str()}, {"wakes", verdict.yes}, {"why", verdict.why}});
        if (!verdict.yes || !is_taken(route)) return Outcome::pass();
        Registrations& registrations = route.account->slots().get<Registrations>();
        if (registrations.loaded) {
            tell_all(*route.account, push::what_happened(*route.stanza, route.to));
            return Outcome::pass();
        }
        if (registrations.early.size() < Registrations::max_early) registrations.early.push_back(push::what_happened(*route.stanza, route.to));
        if (!std::exchange(registrations.loading, true)) run(load_and_tell(route.account));
        return Outcome::pass();
    }

    static bool wants_no_push(Account& account) {
        const Registrations* known = account.slots().find<Registrations>();
        return known && known->loaded && known->all.empty();
    }

    static bool is_taken(const Route& route) {
        const Delivery::Verdict verdict = decide_delivery(*route.account, *route.stanza, route.to).verdict;
        return verdict == Delivery::Verdict::sessions || verdict == Delivery::Verdict::undelivered;
    }

    // The message does not wait for it.
    Task<void> load_and_tell(AccountPtr account) {
        const bool known = co_await load(account);
        Registrations& registrations = account->slots().get<Registrations>();
        registrations.loading = false;
        const std::vector<Happening> early = std::exchange(registrations.early, {});
        if (!known) co_return;
        for (const Happening& what : early) tell_all(*account, what);
    }

    void tell_all(Account& account, const Happening& what) {
        for (Registration& one : account.slots().get<Registrations>().all) {
            if (!what.room_resource.empty() && what.room_resource != one.resource) continue;
            tell(account, one, what);
        }
    }

    void tell(Account& account, Registration& one, const Happening& what) {
        const SteadyTime now = loop().clock().steady_now();
        const SessionPtr owner = account.find_session(one.resource);
        const bool here = owner && connected(*owner);
        if (here && !owner->acknowledges()) return;
        if (here && owner->last_heard() > one.told) one.unread = 0;
        ++one.unread;
        one.told = now;
        Notice* notice = notice_for(account, one);
        if (!notice) return;
        notice->last = what;
        notice->count = one.unread;
        if (here)
            watch(*notice, now);
        else
            hasten(*notice, now);
        sweep_soon();
    }

    // --- after a start

    void wake_after_start() {
        on_the_way().woken = true;
        const WallTime started = now() - after_start;
        const bool all = host().slots().get<PushService>().wakes_for_all_at_start;
        const std::uint64_t after = all ? 0 : first_stamped_id(started - shortly_before_start);
        on_the_way().waking = std::make_shared<Waking>(after, first_stamped_id(started));
        wake_more();
    }

    void wake_more() {
        if (on_the_way().waking) run(wake_slice(on_the_way().waking));
    }

    // The next accounts with registrations, from where storage did not answer before.
    Task<void> wake_slice(std::shared_ptr<Waking> waking) {
        Result<std::vector<Jid>> owners =
            co_await stores().documents.find_owners(host().domain(), document_key, waking->after_local, DocumentStore::max_owners);
        if (owners.ok() && owners->empty()) {
            on_the_way().waking = nullptr;
            co_return;
        }
        bool answered = owners.ok();
        if (!answered) log_warning("push_not_woken", {{"domain", host().domain()}, {"reason", owners.error().message}});
        if (answered) {
            Task<bool> waking_them = wake_those(std::move(*owners), *waking);
            answered = co_await waking_them;
        }
        once<&Push::wake_more>(answered ? Duration(between_slices) : Duration(before_asking_again));
    }

    // False: storage does not answer.
    Task<bool> wake_those(std::vector<Jid> owners, Waking& waking) {
        for (const Jid& owner : owners) {
            if (&shard().all().home(owner) == &shard()) {
                const bool known = co_await wake(owner, waking);
                if (!known && ++waking.asked < max_asked) co_return false;
                waking.asked = 0;
            }
            waking.after_local = owner.local();
        }
        co_return true;
    }

    // Once for all that waits, as for the last of it. False: storage does not answer.
    Task<bool> wake(Jid jid, const Waking& waking) {
        Result<std::vector<WaitingMessage>> waiting = co_await stores().log.load_waiting(jid, waking.after_id, max_looked_at);
        if (!waiting.ok()) co_return false;
        std::erase_if(*waiting, [&waking](const WaitingMessage& one) { return one.id >= waking.end_id; });
        std::vector<Happening> happened = what_wakes(*waiting, jid);
        if (happened.empty()) co_return true;
        Result<AccountPtr> account = co_await shard().load_account(jid);
        if (!account.ok()) co_return account.error().code == ErrorCode::not_found;
        const bool known = co_await load(*account);
        if (!known) co_return false;
        for (Registration& one : (*account)->slots().get<Registrations>().all)
            one.unread = static_cast<unsigned>(happened.size()) - 1;
        tell_all(**account, happened.back());
        co_return true;
    }

    std::vector<Happening> what_wakes(const std::vector<WaitingMessage>& waiting, const Jid& account) const {
        std::vector<Happening> happened;
        for (const WaitingMessage& one : waiting) {
            const std::optional<Stanza> message = parse_stanza(one.stanza_xml);
            if (message && push::wakes(*message, false, account, options_.notify_on).yes)
                happened.push_back(push::what_happened(*message, message->to));
        }
        return happened;
    }

    // --- a session whose device is to come back, message or none

    Outcome wanted(SessionEvent& event) {
        Registrations* registrations = event.account->slots().find<Registrations>();
        if (!registrations) return Outcome::pass();
        for (const Registration& one : registrations->all) {
            if (one.resource != event.session->jid().resource()) continue;
            Notice* notice = notice_for(*event.account, one);
            if (!notice) continue;
            notice->count = one.unread;
            hasten(*notice, loop().clock().steady_now());
            sweep_soon();
        }
        return Outcome::pass();
    }

    // --- whom, and when

    // The client is connected: it has some time from the first message on that it says nothing to.
    void watch(Notice& notice, SteadyTime now) const {
        if (notice.news && !is_there(notice)) return;
        notice.news = true;
        notice.since = now;
        if (notice.step == Notice::Step::answer || notice.failures > 0) return;
        notice.step = Notice::Step::watch;
        notice.due = now + client_answers_within;
    }

    void hasten(Notice& notice, SteadyTime now) {
        notice.news = true;
        notice.since = now;
        const bool fresh = notice.step == Notice::Step::send && notice.failures == 0;
        if (fresh || notice.step == Notice::Step::watch) publish(notice);
    }

    // The client is back: what it has missed it gets itself.
    Outcome came_back(SessionEvent& event) {
        Registrations* registrations = event.account->slots().find<Registrations>();
        if (!registrations) return Outcome::pass();
        for (Registration& one : registrations->all) {
            if (one.resource != event.session->jid().resource()) continue;
            one.unread = 0;
            drop(push::key_of(event.account->jid(), one.service, one.node));
        }
        return Outcome::pass();
    }

    Notice* notice_for(const Account& account, const Registration& one) {
        const std::string key = push::key_of(account.jid(), one.service, one.node);
        const auto found = notices().find(key);
        if (found != notices().end()) return &found->second;
        if (notices().size() >= max_on_the_way) {
            ++on_the_way().refused;
            full_log_.write(loop().clock().steady_now(), [](std::uint64_t others) {
                log_warning("push_dropped", {{"reason", "too many notifications are on their way"}, {"others", others}});
            });
            return nullptr;
        }
        ++on_the_way().begun;
        Notice notice;
        notice.account = account.jid();
        notice.service = one.service;
        notice.node = one.node;
        notice.options = one.options;
        notice.resource = one.resource;
        return &notices().emplace(key, std::move(notice)).first->second;
    }

    // --- to the service (section 7)

    void publish(Notice& notice) {
        notice.sent("push" + random_token(9), loop().clock().steady_now());
        on_the_way().by_id[notice.iq_id] = notice.key();
        const push::Told told{options_.include_sender, options_.include_body};
        // From a fresh turn: an error may be back before the call returns.
        loop().post([&way = router(), iq = std::make_shared<Stanza>(push::publication(notice, told))] { way.send(std::move(*iq)); });
    }

    // An answer to the account itself: its clients never asked.
    Outcome answered(Route& route) {
        const Stanza& answer = *route.stanza;
        if (answer.is_request() || !route.to.is_bare() || !answer.id.starts_with("push")) return Outcome::pass();
        const auto sent = on_the_way().by_id.find(answer.id);
        if (sent == on_the_way().by_id.end()) return Outcome::pass();
        const std::string key = sent->second;
        const auto found = notices().find(key);
        if (found == notices().end() || found->second.account != route.to || found->second.service != answer.from)
            return Outcome::pass();
        Notice& notice = found->second;
        on_the_way().by_id.erase(sent);
        if (!answer.is_error()) {
            notice.told(loop().clock().steady_now());
            return Outcome::stop();
        }
        if (push::is_transient(answer.child(error_name))) {
            if (!try_again(notice)) drop(key);
            return Outcome::stop();
        }
        log_info("push_disabled", {{"account", notice.account.str()}, {"service", notice.service.str()}});
        return disabled_by_service(route.account, notice.service, notice.node);
    }

    // Section 7.1.
    Task<Outcome> disabled_by_service(AccountPtr account, Jid service, std::string node) {
        IqReply done = co_await forget(std::move(account), std::move(service), std::move(node));
        co_return Outcome::stop();
    }

    // False: no more.
    bool try_again(Notice& notice) const {
        if (notice.try_again(loop().clock().steady_now())) return true;
        log_info("push_given_up", {{"account", notice.account.str()}, {"service", notice.service.str()}});
        return false;
    }

    // --- time

    void sweep_soon() {
        if (!std::exchange(sweeping_, true)) once<&Push::sweep>(Seconds(1));
    }

    void sweep() {
        sweeping_ = false;
        const SteadyTime now = loop().clock().steady_now();
        std::vector<std::string> due;
        for (const auto& [key, notice] : notices())
            if (notice.due <= now) due.push_back(key);
        for (const std::string& key : due) {
            const auto found = notices().find(key);
            if (found != notices().end() && !go_on(found->second)) drop(key);
        }
        if (!notices().empty()) sweep_soon();
    }

    // False: there is nothing more to do.
    bool go_on(Notice& notice) {
        if (notice.step == Notice::Step::answer) {
            on_the_way().by_id.erase(notice.iq_id);
            return try_again(notice);
        }
        if (!notice.news || is_there(notice)) return false;
        publish(notice);
        return true;
    }

    // Has its client said anything since the messages it is to be told of?
    bool is_there(const Notice& notice) const {
        const AccountPtr account = shard().find_account(notice.account.str());
        const SessionPtr owner = account ? account->find_session(notice.resource) : nullptr;
        return owner && connected(*owner) && owner->last_heard() > notice.since;
    }

    Outcome account_removed(AccountEvent& event) {
        std::vector<std::string> gone;
        for (const auto& [key, notice] : notices())
            if (notice.account == event.account) gone.push_back(key);
        for (const std::string& key : gone) drop(key);
        return Outcome::pass();
    }

    void drop(const std::string& key) {
        const auto found = notices().find(key);
        if (found == notices().end()) return;
        on_the_way().by_id.erase(found->second.iq_id);
        notices().erase(found);
    }

    // The age is that of the message that a client or a service has said nothing to for the longest time.
    QueueLook look_at_notices() const {
        const SteadyTime now = loop().clock().steady_now();
        QueueMember all{notices().size(), max_on_the_way};
        for (const auto& [key, notice] : notices())
            if (notice.step != Notice::Step::rest || notice.news) all.oldest = std::max(all.oldest.value_or(Duration(0)), now - notice.since);
        return all;
    }

    Notices& on_the_way() const { return host().slots().get<Notices>(); }
    std::unordered_map<std::string, Notice>& notices() const { return on_the_way().all; }

    PushOptions options_;
    SparseLog full_log_{Seconds(10)};
    bool sweeping_ = false;
};

}  // namespace

template <>
struct OptionType<IncludedBody> {
    static constexpr std::string_view type = "true, false or a text";
    static Result<IncludedBody> read(std::string_view name, const ConfigValue& value) {
        if (const Result<bool> flag = read_bool(name, value); flag.ok()) return IncludedBody{*flag, {}};
        Result<std::string> text = read_string(name, value, "New message");
        if (!text.ok()) return std::move(text).error();
        if (text->empty()) return IncludedBody{false, {}};
        return IncludedBody{true, std::move(*text)};
    }
    static std::string show(const IncludedBody& body) {
        return body.instead.empty() ? (body.yes ? "true" : "false") : body.instead;
    }
};

extern const ModuleSpec push_module =
    declare<Push, PushOptions>("push", "Wakes devices that are not connected when a message comes for them")
        .implements(357, "0.4.1")
        .option("include_sender", &PushOptions::include_sender, "Tell the push service who wrote")
        .option("include_body", &PushOptions::include_body,
                "What the push service is told a message says: its text (true), nothing (false), or always this text")
        .option("notify_on", &PushOptions::notify_on, "messages: not for calls and invitations",
                one_of<NotifyOn>({{"all", NotifyOn::all}, {"messages", NotifyOn::messages}}))
        .option("max_registrations", &PushOptions::max_registrations, "Push services and nodes that one account may name",
                between(1, 1'000))
        .ignored("db_type", "data is kept in the server's own database")
        .ignored("use_cache", "caches are bounded and sized by the server itself")
        .ignored("cache_size", "caches are bounded and sized by the server itself")
        .ignored("cache_life_time", "caches are bounded and sized by the server itself")
        .ignored("cache_missed", "caches are bounded and sized by the server itself");

}  // namespace rookery
