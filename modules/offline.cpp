// Offline messages (XEP-0160): what no session can take is kept, in order and within bounds, and handed to the first
// session that wants messages (available, priority not negative). Both sides run in the account's own queue, so what
// arrives while the old messages are going out waits behind them.
#include <algorithm>

#include "base/log.h"
#include "base/sparse_log.h"
#include "core/access.h"
#include "core/module.h"
#include "core/worth_keeping.h"
#include "xmpp/payload/delay.h"

namespace rookery {
namespace {

constexpr std::size_t slice_messages = 100;             // loaded at a time, and removed when they are handed over
constexpr std::size_t max_backlog_bytes = 1024 * 1024;  // unread by the client, before it gets another message
constexpr Seconds refused_log_interval{10};              // a full disk refuses each message
constexpr Milliseconds backlog_look{100};
constexpr Seconds backlog_patience{10};  // a client that takes nothing for so long gets the rest at its next login

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

// On a session: it had its messages since it last wanted none.
struct Served {
    bool done = false;
};

StanzaError refusal(const Error& error) {
    if (error.code == ErrorCode::limit) return StanzaError(Condition::service_unavailable, "too many messages wait");
    if (error.code == ErrorCode::not_found) return StanzaError(Condition::service_unavailable);
    if (error.code == ErrorCode::unavailable) return StanzaError(Condition::resource_constraint, ErrorType::wait);
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

void warn(std::string_view event, const Account& account, const Error& error) {
    log_warning(event, {{"account", account.jid().str()}, {"reason", error.message}});
}

class Offline final : public Module {
public:
    Offline(Host& host, const OfflineOptions& options) : Module(host), options_(options) {
        on<&Offline::keep>(host.hooks.message_undelivered, Stage::deliver);
        on<&Offline::session_available>(host.hooks.session_available, Stage::deliver);
        on<&Offline::presence_changed>(host.hooks.presence_sent, Stage::fallback);
        feature("msgoffline", At::host);
    }

private:
    // --- in

    Outcome keep(Route& route) {
        const Worth worth = worth_keeping(route);
        log_debug("offline", {{"account", route.account->jid().str()}, {"keep", worth.keep()}, {"why", worth.why}});
        switch (worth.kind) {
            case Worth::Kind::passing: return Outcome::stop();
            case Worth::Kind::not_kept: return Outcome::pass();
            case Worth::Kind::keep: break;
        }
        if (!route.account->exists()) return Outcome::pass();
        return append(route);
    }

    Task<Outcome> append(Route& route) {
        Result<std::uint64_t> id = co_await stores().queue.append(route.account->jid(), now(), route.stanza->to_string(),
                                                                  max_messages(route.account->jid()), max_bytes());
        if (id.ok()) co_return Outcome::stop();
        warn_of_refusal(*route.account, id.error());
        co_return Outcome::refuse(refusal(id.error()));
    }

    void warn_of_refusal(const Account& account, const Error& error) {
        refused_log_.write(loop().clock().steady_now(), [&](std::uint64_t others) {
            log_warning("offline_refused", {{"account", account.jid().str()}, {"reason", error.message}, {"others", others}});
        });
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
        return !std::exchange(session.slots().get<Served>().done, wants_messages) && wants_messages;
    }

    // Nothing leaves the store before the session has it and lives; what a lost connection swallows comes again.
    Task<Outcome> flush(AccountPtr account, SessionPtr session) {
        std::uint64_t handed_over = 0;
        while (session->alive()) {
            Result<std::vector<QueuedMessage>> slice =
                co_await stores().queue.load(account->jid(), handed_over, slice_messages);
            if (!slice.ok()) warn("offline_not_loaded", *account, slice.error());
            if (!slice.ok() || slice->empty()) break;
            const std::uint64_t last = slice->back().id;
            const bool taken = co_await hand_over_all(std::move(*slice), session);
            if (!taken) break;
            handed_over = last;
            Result<std::uint64_t> removed = co_await stores().queue.remove_through(account->jid(), handed_over);
            if (!removed.ok()) warn("offline_not_removed", *account, removed.error());
        }
        co_return Outcome::pass();
    }

    // Never more at once than a connection may have in its output, however large the messages are.
    Task<bool> hand_over_all(std::vector<QueuedMessage> messages, SessionPtr session) {
        for (const QueuedMessage& message : messages) {
            hand_over(message, *session);
            const bool taken = co_await taken_by(session);
            if (!taken) co_return false;
        }
        co_return true;
    }

    void hand_over(const QueuedMessage& message, Session& session) {
        std::optional<Stanza> stanza = parse_stanza(message.stanza_xml);
        if (!stanza) return log_error("offline_unreadable", {{"account", session.jid().bare_str()}, {"id", message.id}});
        stanza->element().add(Delay(message.stamp, host().jid(), "Offline Storage").to_xml());
        session.deliver(std::make_shared<const Stanza>(std::move(*stanza)));
    }

    // Waits until the client has read most of it. False: the connection is gone, or hopelessly slow.
    Task<bool> taken_by(SessionPtr session) {
        const SteadyTime give_up = loop().clock().steady_now() + backlog_patience;
        while (session->alive() && session->backlog_bytes() > max_backlog_bytes) {
            if (loop().clock().steady_now() >= give_up) co_return false;
            co_await pause(loop(), backlog_look);
        }
        co_return session->alive();
    }

    OfflineOptions options_;
    SparseLog refused_log_{refused_log_interval};
};

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
        .ignored("use_mam_for_storage", "archive and waiting messages need no choice");

}  // namespace rookery
