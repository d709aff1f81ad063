// Offline messages (XEP-0160): what is worth it waits in the account's log, within bounds, until a session received it;
// the first session that wants messages (available, priority not negative) is handed what waits. That runs in the
// account's own queue, so what arrives while the old messages are going out waits behind them.
#include <algorithm>
#include <span>

#include "base/log.h"
#include "base/sparse_log.h"
#include "base/stamped_id.h"
#include "core/access.h"
#include "core/backlog.h"
#include "core/delivery.h"
#include "core/delivery_ledger.h"
#include "core/message_log.h"
#include "core/module.h"
#include "core/services/offline_limit.h"
#include "core/worth_keeping.h"
#include "xmpp/payload/delay.h"
#include "xmpp/payload/stanza_id.h"

namespace rookery {
namespace {

constexpr std::size_t slice_messages = 100;             // loaded at a time
constexpr Seconds refused_log_interval{10};              // a full disk refuses each message
constexpr Seconds before_flushing_again{1};

// A number, or the shaper rule that gives one for each account.
struct MessageLimit {
    static constexpr std::int64_t without_rule = 1'000;

    std::optional<std::size_t> number;
    std::string rule = "max_user_offline_messages";

    std::size_t of(const Host& host, const Jid& account) const {
        if (number) return *number;
        const std::int64_t found = host.options().access->number(rule, account).value_or(without_rule);
        return static_cast<std::size_t>(std::max<std::int64_t>(found, 0));
    }
};

std::optional<MessageLimit> read_limit(std::string_view name, const ConfigValue& value, ConfigProblems& problems) {
    MessageLimit limit;
    if (const Result<std::int64_t> number = read_integer(name, value, {0, unlimited, true}); number.ok()) {
        limit.number = static_cast<std::size_t>(*number);
    } else if (value.is_scalar() && !value.text.empty()) {
        limit.rule = value.text;
    } else {
        problems.errors.push_back(config_mismatch(name, value, "a number or a shaper rule", "1000").message);
        return std::nullopt;
    }
    return limit;
}

struct OfflineOptions {
    MessageLimit max_messages;
    ByteSize max_size = 8_MB;
};

// On a session.
struct Backlog {
    bool begun = false;   // to be handed over, since the client last wanted no messages
    bool behind = false;  // there may be more of it
    bool handing = false;
    bool later = false;  // it is gone on with, after a pause
};

enum SavedTag : RecordTag { saved_begun = 1, saved_behind = 2 };  // live upgrade

class Offline final : public Module {
public:
    Offline(Host& host, const OfflineOptions& options) : Module(host), options_(options) {
        on<&Offline::mark>(host.hooks.message_received, Stage::archive);
        on<&Offline::end>(host.hooks.message_undelivered, Stage::deliver);
        on<&Offline::session_available>(host.hooks.session_available, Stage::deliver);
        on<&Offline::outgoing>(host.hooks.session_outgoing, Stage::guard);
        on<&Offline::presence_changed>(host.hooks.presence_sent, Stage::fallback);
        on<&Offline::saved>(host.hooks.session_saved, Stage::deliver);
        on<&Offline::restored>(host.hooks.session_restored, Stage::deliver);
        feature("msgoffline", At::host);
        host.slots().get<OfflineLimit>().messages = [&host, limit = options.max_messages](const Jid& account) {
            return limit.of(host, account);
        };
    }

private:
    // --- in

    Outcome mark(Route& route) {
        if (!route.account->exists() || !worth_keeping(route).keep()) return Outcome::pass();
        const Delivery delivery = decide_delivery(*route.account, *route.stanza, route.to);
        if (delivery.verdict == Delivery::Verdict::undelivered) {
            route.wait = true;
            return ask_for_room(route);
        }
        if (delivery.verdict != Delivery::Verdict::sessions) return Outcome::pass();
        look_for_unknown(route.account, delivery.sessions);
        const bool promised = route.ticket && route.ticket->promised();
        const bool will_say = std::ranges::all_of(
            delivery.sessions, [](const SessionPtr& session) { return session->acknowledges() && !is_behind(*session); });
        route.wait = route.archive || (promised && !will_say);
        route.unsaved = !route.wait;
        const bool handed_to_nobody = std::ranges::all_of(
            delivery.sessions, [](const SessionPtr& session) { return is_behind(*session); });
        return route.wait && handed_to_nobody ? ask_for_room(route) : Outcome::pass();
    }

    // What storage has although it said that it failed: its sender is told that it is safe when he sends it again.
    void look_for_unknown(const AccountPtr& account, std::span<const SessionPtr> sessions) {
        const DeliveryLedger* ledger = account->slots().find<DeliveryLedger>();
        if (!ledger || !ledger->loaded() || ledger->listed()) return;
        for (const SessionPtr& session : sessions) go_on_later(account, session);
    }

    Outcome ask_for_room(Route& route) {
        if (!delivery_ledger(*route.account).loaded()) return load_and_check(route);
        return check_room(route);
    }

    Task<Outcome> load_and_check(Route& route) {
        const bool loaded = co_await host().message_log().load(route.account);
        if (!loaded) co_return Outcome::refuse(StanzaError(Condition::internal_server_error, ErrorType::wait));
        co_return check_room(route);
    }

    // The bounds are for what is handed to nobody: what sessions are handed has bounds of its own.
    Outcome check_room(Route& route) {
        const DeliveryLedger& ledger = delivery_ledger(*route.account);
        const bool room = ledger.messages() < max_messages(route.account->jid()) &&
                          ledger.bytes() + route.stanza->element().memory_bytes() <= max_bytes();
        if (room) return Outcome::pass();
        ++shard().flows().undelivered.refused;
        refused_log_.write(loop().clock().steady_now(), [&](std::uint64_t others) {
            log_warning("offline_refused", {{"account", route.account->jid().str()}, {"reason", "too many messages wait"}, {"others", others}});
        });
        return Outcome::refuse(StanzaError(Condition::service_unavailable, "too many messages wait"));
    }

    // It waits in the log by now; or it was in the hands of a session that is gone, and must go there yet.
    Outcome end(Route& route) {
        const Worth worth = worth_keeping(route);
        log_debug("offline", {{"account", route.account->jid().str()}, {"keep", worth.keep()}, {"why", worth.why}});
        if (route.log_id != 0) return Outcome::stop();
        if (worth.kind == Worth::Kind::passing) return Outcome::stop();
        if (!worth.keep() || !route.account->exists()) return Outcome::pass();
        return keep(route);
    }

    Task<Outcome> keep(Route& route) {
        route.wait = true;
        Outcome room = co_await load_and_check(route);
        if (!room.passed()) co_return room;
        Outcome kept = co_await host().message_log().commit(route);
        if (kept.kind() == Outcome::Kind::refuse) co_return kept;
        co_return Outcome::stop();
    }

    std::size_t max_messages(const Jid& account) const { return options_.max_messages.of(host(), account); }
    std::size_t max_bytes() const { return static_cast<std::size_t>(options_.max_size.bytes); }

    // --- out

    // In the account's queue already.
    Outcome session_available(SessionEvent& event) {
        if (!begins_to_want(*event.session)) return Outcome::pass();
        return flush(event.account, event.session);
    }

    // A priority that was negative may have become another, or the other way round.
    Outcome presence_changed(Route& route) {
        if (!route.stanza->to.empty() || !begins_to_want(*route.sender)) return Outcome::pass();
        return route.account->alone(flush(route.account, route.sender));
    }

    static bool begins_to_want(Session& session) {
        const bool wants_messages = session.available() && session.priority() >= 0;
        return !std::exchange(session.slots().get<Backlog>().begun, wants_messages) && wants_messages;
    }

    Task<Outcome> flush(AccountPtr account, SessionPtr session) {
        const bool whole = co_await hand_over_waiting(account, session);
        set_behind(*session, !whole);
        if (!whole) go_on_later(account, session);
        co_return Outcome::pass();
    }

    void go_on_later(const AccountPtr& account, const SessionPtr& session) {
        if (!std::exchange(session->slots().get<Backlog>().later, true)) run(flush_later(account, session));
    }

    Outcome saved(SessionSaving& event) {
        const Backlog* backlog = event.session.slots().find<Backlog>();
        if (!backlog) return Outcome::pass();
        event.of("offline").number(saved_begun, backlog->begun);
        event.of("offline").number(saved_behind, backlog->behind);
        return Outcome::pass();
    }

    Outcome restored(SessionRestoring& event) {
        RecordReader* record = event.find("offline");
        if (!record) return Outcome::pass();
        event.session->slots().get<Backlog>().begun = record->flag(saved_begun);
        if (!record->flag(saved_behind)) return Outcome::pass();
        set_behind(*event.session, true);
        go_on_later(event.account, event.session);
        return Outcome::pass();
    }

    static bool is_behind(Session& session) {
        const Backlog* backlog = session.slots().find<Backlog>();
        return backlog && backlog->behind;
    }

    static void set_behind(Session& session, bool behind) {
        if (std::exchange(session.slots().get<Backlog>().behind, behind) == behind) return;
        behind ? session.watch_outgoing() : session.end_outgoing_watch();
    }

    // What comes for a session that has not been handed all that waits comes behind that: it waits in the log, too.
    Outcome outgoing(OutgoingEvent& event) {
        const Backlog* backlog = event.session.slots().find<Backlog>();
        const bool from_account = event.stanza->from == event.session.jid().bare();  // a copy, a page of the archive
        const bool waits = backlog && backlog->behind && !backlog->handing && event.handover.log_id != 0 && !from_account;
        return waits ? Outcome::stop() : Outcome::pass();
    }

    // Storage did not answer, or the client did not take it all. Nobody is kept waiting meanwhile.
    Task<void> flush_later(AccountPtr account, SessionPtr session) {
        do co_await pause(loop(), before_flushing_again);
        while (session->alive() && !session->has_room());
        session->slots().get<Backlog>().later = false;
        if (session->alive()) account->enqueue(flush_again(account, session));
    }

    Task<void> flush_again(AccountPtr account, SessionPtr session) {
        if (session->alive()) (void)co_await flush(std::move(account), std::move(session));
    }

    // All that no session has received. It leaves the log when this one has (core/message_log.h), not before. False:
    // there may be more.
    Task<bool> hand_over_waiting(AccountPtr account, SessionPtr session) {
        const std::optional<bool> waiting = co_await host().message_log().find_waiting(account);
        if (!waiting.value_or(false)) co_return waiting.has_value();
        std::vector<std::uint64_t> ids;
        for (std::uint64_t last = 0;;) {
            Result<std::vector<WaitingMessage>> slice = co_await stores().log.load_waiting(account->jid(), last, slice_messages);
            if (!slice.ok()) log_warning("offline_not_loaded", {{"account", account->jid().str()}, {"reason", slice.error().message}});
            if (!slice.ok()) co_return false;
            if (slice->empty()) break;
            last = slice->back().id;
            for (const WaitingMessage& message : *slice) ids.push_back(message.id);
            const bool taken = co_await hand_over_all(account, std::move(*slice), session);
            if (!taken) co_return false;
        }
        delivery_ledger(*account).list(ids);
        host().message_log().note(*account);
        co_return true;
    }

    // Never more at once than a connection may have in its output, however large the messages are.
    Task<bool> hand_over_all(AccountPtr account, std::vector<WaitingMessage> messages, SessionPtr session) {
        for (const WaitingMessage& message : messages) {
            if (!delivery_ledger(*account).waits(message.id) || session->was_handed(message.id)) continue;
            hand_over(message, *session);
            const bool taken = co_await taken_by(loop(), session);
            if (!taken) co_return false;
        }
        co_return true;
    }

    void hand_over(const WaitingMessage& message, Session& session) {
        std::optional<Stanza> stanza = parse_stanza(message.stanza_xml);
        if (!stanza) return log_error("offline_unreadable", {{"account", session.jid().bare_str()}, {"id", message.id}});
        stanza->element().add(Delay(stamped_id_time(message.id), host().jid(), "Offline Storage").to_xml());
        if (message.archived)  // else it has its id with it, if any (modules/stanza_id)
            StanzaId::add_to(stanza->element(), stamped_id_text(message.id), session.jid().bare());
        Backlog& backlog = session.slots().get<Backlog>();
        backlog.handing = true;
        session.deliver(std::make_shared<const Stanza>(std::move(*stanza)), {}, Handover{{}, message.id});
        backlog.handing = false;
    }

    OfflineOptions options_;
    SparseLog refused_log_{refused_log_interval};
};

// --- the administrator's verbs ------------------------------------------------------------------------------------

// Nullopt: the account is not in memory, or was not asked yet; then the database knows.
std::optional<std::uint64_t> count_in_memory(Shard& shard, const Jid& who) {
    const AccountPtr account = shard.find_account(who.str());
    if (!account || !delivery_ledger(*account).loaded()) return std::nullopt;
    return delivery_ledger(*account).messages();
}

Task<Result<Value>> get_offline_count(CommandContext context, Arguments args) {
    const std::optional<Jid> who = Jid::make(args.text("user"), args.text("host"));
    if (!who || !context.shards.at(0).find_host(who->domain())) co_return Error(ErrorCode::invalid, "no address of this server");
    auto ask = [who](Shard& shard) { return count_in_memory(shard, *who); };
    Task<std::optional<std::uint64_t>> asking = context.shards.on(context.shards.home_of(who->str()), std::move(ask));
    const std::optional<std::uint64_t> known = co_await asking;
    Result<DeliveryState> stored = co_await context.stores.log.load_delivery(*who);
    if (!stored.ok()) co_return std::move(stored).error();
    co_return Value(known.value_or(stored->messages));
}

}  // namespace

extern const ModuleSpec offline_module =
    declare<Offline, OfflineOptions>("offline", "Keeps messages for users who are not online")
        .implements(160, "1.0.1")
        .implements(203, "2.0")
        .option("access_max_user_messages", &OfflineOptions::max_messages,
                "Messages kept for one account: a number, or the shaper rule that says how many (1000 where it does not)",
                read_with("number or shaper rule", read_limit))
        .option("max_size", &OfflineOptions::max_size, "Bytes kept for one account")
        .ignored("store_empty_body", "what says something is kept, chat states are not (XEP-0160)")
        .ignored("store_groupchat", "rooms keep their own messages")
        .ignored("bounce_groupchat", "a room's message to a user who is away is refused (RFC 6121 8.5)")
        .ignored("use_mam_for_storage", "archive and waiting messages need no choice")
        .command({"get_offline_count", "messages", "How many messages wait for a user",
                  {{"user", ArgType::text, "user name, without the domain"}, {"host", ArgType::text, "domain of this server"}},
                  get_offline_count});

}  // namespace rookery
