#include "core/message_log.h"

#include "base/log.h"
#include "core/delivery_ledger.h"
#include "core/host.h"
#include "core/shard.h"
#include "xmpp/payload/stanza_id.h"

namespace rookery {
namespace {

constexpr Seconds refused_log_interval{10};  // a full disk refuses each message

bool is_kept_by_recipient(const Route& route) { return (route.archive || route.wait) && route.account->exists(); }

// To oneself there is one copy.
bool is_kept_by_sender(const Route& route) {
    return route.archive_sent && !route.stanza->from.same_bare(route.account->jid()) && route.account->exists();
}

LogCopy recipients_copy(const Route& route) {
    LogCopy copy(route.account->jid(), route.stanza->from);
    copy.archived = route.archive || (route.archive_sent && route.stanza->from.same_bare(copy.owner));
    copy.waiting = route.wait;
    return copy;
}

LogCopy senders_copy(const Route& route) {
    LogCopy copy(route.stanza->from.bare(), route.to);
    copy.outgoing = true;
    copy.archived = true;
    return copy;
}

NewLogEntry entry_of(const Route& route) {
    const bool recipient = is_kept_by_recipient(route), sender = is_kept_by_sender(route);
    NewLogEntry entry(recipient ? recipients_copy(route) : senders_copy(route), route.stanza->to_string());
    if (recipient && sender) entry.second.emplace(senders_copy(route));
    entry.origin = origin_of(*route.stanza, route.to);
    return entry;
}

StanzaError refusal(const Error& error) {
    if (error.code == ErrorCode::not_found) return StanzaError(Condition::service_unavailable);
    if (error.code == ErrorCode::unavailable) return StanzaError(Condition::resource_constraint, ErrorType::wait);
    return StanzaError(Condition::internal_server_error, ErrorType::wait);
}

}  // namespace

std::optional<std::uint64_t> origin_of(const Stanza& message, const Jid& recipient) {
    const std::string_view origin = message.child(OriginId::name).attr_or("id", "");
    if (origin.empty()) return std::nullopt;
    return message_origin(message.from, origin, recipient);
}

DeliveryLedger& delivery_ledger(Account& account) { return account.slots().get<DeliveryLedger>(); }

MessageLog::MessageLog(Host& host) : host_(host), refused_log_(refused_log_interval) {
    host.hooks.message_received.add(Stage::commit, "log", this, &MessageLog::commit_received);
    host.hooks.message_sent.add(Stage::commit, "log", this, &MessageLog::commit_sent);
    host.hooks.session_closed.add(Stage::fallback, "log", this, &MessageLog::session_closed);
    host.hooks.session_saved.add(Stage::commit, "log", this, &MessageLog::session_saved);
    host.hooks.session_restored.add(Stage::commit, "log", this, &MessageLog::session_restored);
}

Outcome MessageLog::commit_received(void* log, Route& route) {
    if (!is_kept_by_recipient(route) && !is_kept_by_sender(route)) return Outcome::pass();
    auto* self = static_cast<MessageLog*>(log);
    if (!delivery_ledger(*route.account).loaded()) return self->load_and_commit(route);
    route.committing = true;
    return self->commit(route);
}

// To somebody who is not at home here: the sender's copy is written before the message leaves.
Outcome MessageLog::commit_sent(void* log, Route& route) {
    auto* self = static_cast<MessageLog*>(log);
    const bool to_account = !route.to.local().empty() && self->host_.shard().find_host(route.to.domain());
    if (!route.archive_sent || to_account || route.to.empty()) return Outcome::pass();
    return self->commit_own(route);
}

Task<Outcome> MessageLog::load_and_commit(Route& route) {
    const bool loaded = co_await load(route.account);
    if (!loaded) co_return Outcome::refuse(StanzaError(Condition::internal_server_error, ErrorType::wait));
    Outcome outcome = co_await commit(route);
    co_return outcome;
}

Task<bool> MessageLog::load(AccountPtr account) {
    if (delivery_ledger(*account).loaded()) co_return true;
    const std::optional<DeliveryState> state = co_await load_state(account);
    if (!state) co_return false;
    note_loaded(*account, *state);
    co_return true;
}

Task<std::optional<bool>> MessageLog::find_waiting(AccountPtr account) {
    const DeliveryLedger* known = account->slots().find<DeliveryLedger>();
    if (known && known->loaded()) co_return known->messages() > 0 || !known->listed();
    const std::optional<DeliveryState> state = co_await load_state(account);
    if (!state) co_return std::nullopt;
    known = account->slots().find<DeliveryLedger>();  // another answer may have come first, and its ledger gone on
    if (known && known->loaded()) co_return known->messages() > 0 || !known->listed();
    if (state->messages == 0) co_return false;
    note_loaded(*account, *state);
    co_return true;
}

// Another answer may have come first, and its ledger gone on.
void MessageLog::note_loaded(Account& account, const DeliveryState& state) {
    DeliveryLedger& ledger = delivery_ledger(account);
    if (!ledger.loaded()) ledger.load(state);
}

Task<std::optional<DeliveryState>> MessageLog::load_state(AccountPtr account) {
    Result<DeliveryState> state = co_await host_.stores().log.load_delivery(account->jid());
    if (state.ok()) co_return std::move(*state);
    if (state.error().code == ErrorCode::not_found) co_return DeliveryState();
    warn(*account, state.error());
    co_return std::nullopt;
}

Task<Outcome> MessageLog::commit(Route& route) {
    const bool waits = is_kept_by_recipient(route) && route.wait;
    NewLogEntry entry = entry_of(route);
    const std::size_t bytes = entry.stanza_xml.size();
    DeliveryLedger& ledger = delivery_ledger(*route.account);
    if (waits) ledger.begin(bytes);
    Result<Appended> done = co_await host_.stores().log.append(std::move(entry));
    if (!done.ok() || done->duplicate) {
        if (waits) ledger.drop(bytes);
        if (!done.ok() && done.error().code == ErrorCode::storage) ledger.doubt();
        co_return done.ok() ? already_kept(route, *done) : refuse(route, done.error());
    }
    note_committed(route, *done);
    if (waits) {
        ledger.add(done->id, bytes);
        ++host_.shard().flows().undelivered.in;
    } else if (route.log_id != 0) {
        ledger.pass(done->id);
    }
    co_return Outcome::pass();
}

// The same message again: its sender is told that it is safe, its recipient nothing.
Outcome MessageLog::already_kept(Route& route, const Appended& done) {
    if (!is_kept_by_recipient(route)) return Outcome::pass();
    route.log_id = done.id;
    return Outcome::stop();
}

void MessageLog::note_committed(Route& route, const Appended& done) {
    const bool recipients = is_kept_by_recipient(route);
    if (recipients) route.log_id = done.id;
    if (route.ticket) route.ticket->set_senders_log_id(recipients ? done.second_id : done.id);
}

Task<std::uint64_t> MessageLog::save(AccountPtr account, StanzaPtr message, Jid to) {
    Route route(std::make_shared<Stanza>(*message), std::move(to));
    route.account = account;
    route.wait = true;
    const bool loaded = co_await load(account);
    if (!loaded) co_return 0;
    Outcome outcome = co_await commit(route);
    co_return route.log_id;
}

Task<Outcome> MessageLog::commit_own(Route& route) {
    NewLogEntry entry(senders_copy(route), route.stanza->to_string());
    entry.origin = origin_of(*route.stanza, route.to);
    Result<Appended> done = co_await host_.stores().log.append(std::move(entry));
    if (!done.ok()) co_return refuse(route, done.error());
    route.ticket->set_senders_log_id(done->id);
    co_return Outcome::pass();
}

Outcome MessageLog::refuse(const Route& route, const Error& error) {
    warn(*route.account, error);
    return Outcome::refuse(refusal(error));
}

void MessageLog::warn(const Account& account, const Error& error) {
    refused_log_.write(host_.shard().loop().clock().steady_now(), [&](std::uint64_t others) {
        log_warning("log_failed", {{"account", account.jid().str()}, {"reason", error.message}, {"others", others}});
    });
}

// --- received -----------------------------------------------------------------------------------------------------

void MessageLog::received(Account& account, std::uint64_t log_id) {
    if (!delivery_ledger(account).receive(log_id)) return;
    ++host_.shard().flows().undelivered.out;
    note(account);
}

// Not for each message: what was received and is not written down when the server dies comes once more, under the same id.
void MessageLog::note(Account& account) {
    if (!delivery_ledger(account).plan_writing()) return;
    host_.shard().loop().after(write_down_after, [this, account = account.shared_from_this()] { spawn(write_down(account)); });
}

Outcome MessageLog::session_closed(void* log, SessionEvent& event) {
    static_cast<MessageLog*>(log)->write_down_now(event.account);
    return Outcome::pass();
}

// Live upgrade. What its clients acknowledge next must find the ledger as it is: a word that comes before it is loaded
// would be forgotten.
Outcome MessageLog::session_saved(void* log, SessionSaving& event) {
    Shard& shard = static_cast<MessageLog*>(log)->host_.shard();
    const AccountPtr account = shard.find_account(event.session.jid().bare_str());
    const DeliveryLedger* ledger = account ? account->slots().find<DeliveryLedger>() : nullptr;
    if (ledger && ledger->loaded()) ledger->save(event.of("log"));
    return Outcome::pass();
}

Outcome MessageLog::session_restored(void*, SessionRestoring& event) {
    RecordReader* record = event.find("log");
    DeliveryLedger& ledger = delivery_ledger(*event.account);
    if (record && !ledger.loaded()) ledger.restore(*record);
    return Outcome::pass();
}

bool MessageLog::write_down_now(const AccountPtr& account) {
    const DeliveryLedger* ledger = account->slots().find<DeliveryLedger>();
    if (!ledger || !ledger->writing_planned()) return false;
    spawn(write_down(account));
    return true;
}

Task<void> MessageLog::write_down(AccountPtr account) {
    DeliveryLedger& ledger = delivery_ledger(*account);
    if (!ledger.writing_planned()) co_return;
    std::vector<std::uint64_t> beyond = ledger.beyond();
    if (beyond.size() > LogStore::max_beyond) beyond.resize(LogStore::max_beyond);
    ledger.written();
    Result<void> done = co_await host_.stores().log.acknowledge(account->jid(), ledger.through(), std::move(beyond));
    if (done.ok() || done.error().code == ErrorCode::not_found) co_return;
    warn(*account, done.error());
    note(*account);
}

}  // namespace rookery
