#include "c2s/session.h"

#include <algorithm>

#include "base/log.h"
#include "c2s/c2s.h"
#include "c2s/session_managed.h"
#include "core/hooks.h"
#include "core/host.h"
#include "core/message_log.h"
#include "core/worth_keeping.h"
#include "xmpp/payload/delay.h"

namespace rookery {

namespace {

constexpr std::size_t backlog_for_more = 1024 * 1024;
constexpr Milliseconds look_at_output{100};
constexpr Milliseconds look_at_unsaved{100};  // and what is still there at the next look is saved
constexpr Seconds before_saving_again{1};  // storage failed
constexpr Seconds settling_patience{1};  // before <r/> is answered by what is settled so far
constexpr Seconds late{3};               // from here on what is sent again says when it was sent first

bool has_delay(const Stanza& stanza) { return bool(stanza.child(Delay::name)); }

}  // namespace

C2sSession::C2sSession(Jid full, std::uint64_t id, const ClientOrigin& origin, WallTime since, Connection& connection)
    : Session(std::move(full), id, since), c2s_(connection.c2s()), connection_(&connection), origin_(origin) {}
C2sSession::~C2sSession() = default;

void C2sSession::deliver(const StanzaPtr& stanza, const Jid& to, const Handover& handover) {
    if (!alive()) return;
    if (outgoing_watched() && is_taken_by_others(stanza, to, handover)) return;
    if (managed_) keep(stanza, to, handover);
    if (!connection_) return;
    const bool written = connection_->write(*stanza, to);
    if (handover.ticket) connection_->keep_while_behind(handover.ticket);
    if (written && !managed_ && handover.log_id != 0) note_handed(handover.log_id);
    if (managed_ && managed_->counts.take_question()) ask();
}

bool C2sSession::is_taken_by_others(const StanzaPtr& stanza, const Jid& to, const Handover& handover) {
    Host* host = c2s_.shard().find_host(jid().domain());
    OutgoingEvent event{*this, stanza, to, handover};
    return host && !host->hooks.session_outgoing.run(event).passed();
}

bool C2sSession::was_handed(std::uint64_t log_id) const {
    if (handed_ && std::ranges::find(*handed_, log_id, &Handed::log_id) != handed_->end()) return true;
    return managed_ && managed_->counts.has(log_id);
}

// Who does not say what he has got it if he was there.
bool C2sSession::was_handed(const StanzaPtr& stanza, WallTime at) const {
    return managed_ ? managed_->counts.has(stanza) : since() < at;
}

void C2sSession::received_elsewhere(const StanzaPtr& stanza) {
    const std::uint64_t log_id = managed_ ? managed_->counts.note_received_elsewhere(stanza) : 0;
    if (log_id != 0) received(log_id);
}

// Without stream management the client never says what it has: what its kernel has acknowledged is the best there is.
void C2sSession::note_handed(std::uint64_t log_id) {
    if (!handed_) {
        handed_ = std::make_unique<std::vector<Handed>>();
        look_again_later();
    }
    handed_->push_back({log_id, connection_->written()});
}

void C2sSession::look_again_later() {
    c2s_.loop().after(look_at_output, [weak = weak_from_this()] {
        if (const SessionPtr session = weak.lock()) static_cast<C2sSession&>(*session).look_what_was_taken();
    });
}

void C2sSession::look_what_was_taken() {
    if (!connection_ || !handed_) return;
    const std::uint64_t taken = connection_->taken();
    const auto first_open = std::ranges::find_if(*handed_, [taken](const Handed& handed) { return handed.through > taken; });
    const std::vector<Handed> received_now(handed_->begin(), first_open);
    handed_->erase(handed_->begin(), first_open);
    if (handed_->empty()) handed_.reset();
    if (const AccountPtr account = c2s_.shard().find_account(jid().bare_str()))
        for (const Handed& handed : received_now) account->host().message_log().received(*account, handed.log_id);
    if (handed_) look_again_later();
}

bool C2sSession::has_room() const {
    if (connection_ && connection_->output_bytes() > backlog_for_more) return false;
    return !managed_ || (managed_->counts.waiting().size() <= managed_->max_stanzas / 2 &&
                         managed_->counts.waiting_bytes() <= managed_->max_bytes / 2);
}

void C2sSession::keep(const StanzaPtr& stanza, const Jid& to, const Handover& handover) {
    const std::size_t bytes = stanza->element().memory_bytes();
    const bool must_be_saved = handover.unsaved && handover.ticket && handover.ticket->promised();
    SentStanza sent{stanza, to, handover.log_id, must_be_saved ? handover.ticket : nullptr, bytes, c2s_.loop().clock().wall_now(), {}};
    if (refuses_ours(*stanza, handover)) sent.refuses = handover.ticket->number();
    managed_->counts.push(std::move(sent));
    ++c2s_.shard().flows().unacknowledged.in;
    c2s_.shard().flows().unacknowledged_bytes.in += bytes;
    c2s_.note_backlog(bytes);
    if (must_be_saved) save_soon();
    const StreamManagement& counts = managed_->counts;
    if (counts.waiting().size() > managed_->max_stanzas || counts.waiting_bytes() > managed_->max_bytes) give_up();
}

bool C2sSession::refuses_ours(const Stanza& stanza, const Handover& handover) const {
    if (!stanza.is_error() || !handover.ticket || !handover.ticket->is_of(weak_from_this())) return false;
    const bool abandoned = static_cast<std::int32_t>(handover.ticket->number() - settled()) <= 0;
    return !abandoned;
}

// The client's acknowledgement is the cheaper way for a message to be safe; its sender waits for one of the two.
void C2sSession::save_soon() {
    save_after(connection_ ? look_at_unsaved : Milliseconds(1));
}

void C2sSession::save_after(Duration delay) {
    if (managed_->save_timer != 0) return;
    managed_->save_timer = c2s_.loop().after(delay, [this] {
        managed_->save_timer = 0;
        save_unsaved();
    });
}

void C2sSession::save_unsaved() {
    const AccountPtr account = c2s_.shard().find_account(jid().bare_str());
    if (!account) return;
    StreamManagement& counts = managed_->counts;
    for (SentStanza& sent : connection_ ? counts.take_overdue() : counts.take_unsaved())
        account->enqueue(save(self(), account, std::move(sent)));
    if (counts.has_unsaved()) save_soon();
}

// Several sessions may have the message: it is saved once.
Task<void> C2sSession::save([[maybe_unused]] std::shared_ptr<C2sSession> self, AccountPtr account, SentStanza sent) {
    MessageLog& log = account->host().message_log();
    std::uint64_t log_id = sent.ticket->saved_as();
    if (log_id == 0) log_id = co_await log.save(account, sent.stanza, sent.to.empty() ? sent.stanza->to : sent.to);
    sent.ticket->set_saved_as(log_id);
    const bool waits_for_client = managed_->counts.note_saved(sent.stanza, log_id);
    if (log_id == 0 && waits_for_client && alive()) save_after(before_saving_again);
    if (log_id != 0 && !waits_for_client) log.received(*account, log_id);
}

// From a fresh turn: whoever delivers is not prepared to lose the session under his hands.
void C2sSession::give_up() {
    if (std::exchange(managed_->giving_up, true)) return;
    ++c2s_.shard().flows().unacknowledged.refused;
    c2s_.loop().post([weak = weak_from_this()] {
        if (const SessionPtr session = weak.lock())
            session->close(StreamError(StreamCondition::policy_violation, "too much was not acknowledged"));
    });
}

void C2sSession::close(const StreamError& error) {
    if (connection_) return connection_->close(error);
    log_info("session_closed", {{"session", id()}, {"jid", jid().str()}, {"reason", to_string(error.condition)}});
    end();
}

void C2sSession::input_released() {
    if (connection_) connection_->resume();
}

// --- stream management --------------------------------------------------------------------------------------------

void C2sSession::manage(const StreamManagementOptions& options, const ResumptionId& id, Seconds wait) {
    managed_ = std::make_unique<Managed>(issued());
    managed_->id = id;
    managed_->wait = wait;
    managed_->ack_timeout = options.ack_timeout;
    managed_->max_stanzas = options.max_ack_queue;
    managed_->max_bytes = options.max_ack_bytes;
    if (resumable()) c2s_.resumptions().add(managed_->id, self());
}

bool C2sSession::resumable() const { return managed_ && !managed_->id.empty(); }
const ResumptionId& C2sSession::resumption_id() const { return managed_->id; }
std::uint32_t C2sSession::handled() const { return managed_->counts.handled(settled()); }
std::uint32_t C2sSession::sent() const {
    return managed_->counts.acknowledged() + static_cast<std::uint32_t>(managed_->counts.waiting().size());
}

QueueMember C2sSession::unacknowledged() const {
    if (!managed_) return {};
    const std::vector<SentStanza>& waiting = managed_->counts.waiting();
    if (waiting.empty()) return {0, managed_->max_stanzas};
    const auto age = std::chrono::duration_cast<Duration>(c2s_.loop().clock().wall_now() - waiting.front().at);
    return {waiting.size(), managed_->max_stanzas, std::max(Duration(0), age)};
}

QueueMember C2sSession::unacknowledged_bytes() const {
    if (!managed_) return {};
    return {managed_->counts.waiting_bytes(), managed_->max_bytes};
}

MemoryUse C2sSession::management_memory() const {
    return managed_ ? MemoryUse{1, sizeof(Managed)} : MemoryUse();
}

MemoryUse C2sSession::unacknowledged_memory() const {
    if (!managed_) return {};
    const std::vector<SentStanza>& waiting = managed_->counts.waiting();
    return {waiting.size(), waiting.capacity() * sizeof(SentStanza) + managed_->counts.waiting_bytes()};
}

QueueMember C2sSession::output() const { return connection_ ? connection_->output() : QueueMember(); }

void C2sSession::count_out(const std::vector<SentStanza>& sent) {
    ShardFlows& flows = c2s_.shard().flows();
    flows.unacknowledged.out += sent.size();
    for (const SentStanza& one : sent) flows.unacknowledged_bytes.out += one.bytes;
}

std::uint32_t C2sSession::acknowledged() const { return managed_->counts.acknowledged(); }

bool C2sSession::acknowledge(std::uint32_t h) {
    const auto done = managed_->counts.acknowledge(h);
    if (!done) return false;
    count_out(*done);
    if (const AccountPtr account = c2s_.shard().find_account(jid().bare_str()))
        for (const SentStanza& sent : *done) received(*account, sent);
    if (std::ranges::any_of(*done, [](const SentStanza& sent) { return sent.refuses.has_value(); })) send_acknowledgement();
    c2s_.loop().cancel(std::exchange(managed_->ack_timer, 0));
    if (connection_ && managed_->counts.take_question()) ask();
    return true;
}

// What is in no log the other sessions know of from here only.
void C2sSession::received(Account& account, const SentStanza& sent) {
    if (sent.log_id != 0) return account.host().message_log().received(account, sent.log_id);
    if (!sent.stanza->is_message()) return;
    for (const SessionPtr& session : account.sessions())
        if (session.get() != this) session->received_elsewhere(sent.stanza);
}

void C2sSession::received(std::uint64_t log_id) {
    const AccountPtr account = c2s_.shard().find_account(jid().bare_str());
    if (account) account->host().message_log().received(*account, log_id);
}

void C2sSession::ask() {
    connection_->write("<r xmlns='urn:xmpp:sm:3'/>");
    await_answer();
}

void C2sSession::ask_before_silence() {
    if (connection_ && managed_ && managed_->counts.take_question(true)) ask();
}

void C2sSession::await_answer() {
    managed_->ack_timer = c2s_.loop().after(managed_->ack_timeout, [this] {
        managed_->ack_timer = 0;
        if (connection_) connection_->close(StreamError(StreamCondition::connection_timeout, "no acknowledgement"));
    });
}

// What a commit is awaited for may still count; but a client that asks is not kept waiting for long.
void C2sSession::answer_question() {
    if (settled() == issued()) return send_acknowledgement();
    managed_->question = issued();
    if (managed_->question_timer == 0)
        managed_->question_timer = c2s_.loop().after(settling_patience, [this] {
            managed_->question_timer = 0;
            write_count();
        });
}

void C2sSession::input_settled(std::uint32_t count) {
    c2s_.shard().flows().unsettled.out += count;
    if (!managed_ || !managed_->question) return;
    if (static_cast<std::int32_t>(settled() - *managed_->question) >= 0) send_acknowledgement();
}

// After a restart nobody will know it.
void C2sSession::say_last_count() {
    if (managed_) send_acknowledgement();
}

void C2sSession::send_acknowledgement() {
    c2s_.loop().cancel(std::exchange(managed_->question_timer, 0));
    managed_->question.reset();
    write_count();
}

void C2sSession::write_count() {
    if (connection_) connection_->write("<a xmlns='urn:xmpp:sm:3' h='" + std::to_string(handled()) + "'/>");
}

// --- away and back ------------------------------------------------------------------------------------------------

// Not while its client may lack something that it does not count.
bool C2sSession::may_be_resumed() {
    look_what_was_taken();
    return resumable() && !managed_->giving_up && !handed_;
}

bool C2sSession::hibernate() {
    if (!may_be_resumed()) return false;
    connection_ = nullptr;
    cancel_timers();
    save_unsaved();
    c2s_.resumptions().add(managed_->id, self());
    managed_->lost_at = c2s_.loop().clock().steady_now();
    start_waiting(managed_->wait);
    SessionEvent event{self(), c2s_.shard().find_account(jid().bare_str())};
    if (event.account) (void)event.account->host().hooks.session_hibernates.run(event);
    return true;
}

void C2sSession::start_waiting(Seconds patience) {
    c2s_.loop().cancel(managed_->away_timer);
    managed_->away_until = c2s_.loop().clock().steady_now() + patience;
    managed_->away_timer = c2s_.loop().after(patience, [this] {
        managed_->away_timer = 0;
        close(StreamError(StreamCondition::connection_timeout));
    });
}

void C2sSession::wait_for_client(Seconds patience) {
    if (resumable() && hibernating()) start_waiting(patience);
}

SteadyTime C2sSession::hibernating_since() const { return connection_ ? SteadyTime::max() : managed_->lost_at; }

void C2sSession::let_go_of_connection() {
    if (!connection_) return;
    Connection& old = *std::exchange(connection_, nullptr);
    cancel_timers();
    old.leave_session(StreamError(StreamCondition::conflict, "resumed by another connection"));
}

void C2sSession::attach(Connection& connection, const ClientOrigin& origin) {
    cancel_timers();
    managed_->counts.forget_question();
    managed_->question.reset();
    connection_ = &connection;
    origin_ = origin;
    c2s_.resumptions().add(managed_->id, self());
}

std::uint32_t C2sSession::go_on() {
    const std::uint32_t h = handled();
    managed_->counts.go_on_from(h, issued());
    abandon_open();
    return h;
}

void C2sSession::resend() {
    const WallTime now = c2s_.loop().clock().wall_now();
    for (const SentStanza& sent : managed_->counts.waiting()) {
        const bool dated = sent.stanza->is_message() && now - sent.at > late && !has_delay(*sent.stanza);
        if (!dated) {
            connection_->write(*sent.stanza, sent.to);
        } else {
            Stanza copy = *sent.stanza;
            copy.element().add(Delay(sent.at, Jid::make("", jid().domain()).value(), {}).to_xml());
            connection_->write(copy, sent.to);
        }
    }
    if (managed_->counts.take_question()) ask();
}

void C2sSession::shed() {
    const std::shared_ptr<C2sSession> keep_alive = self();
    if (connection_) connection_->drop();
    if (alive()) close(StreamError(StreamCondition::resource_constraint, "too much waits for this client"));
}

// The session is over. What its client never acknowledged goes to others, waits for the next one, or its senders hear.
void C2sSession::end() {
    const auto keep_alive = shared_from_this();
    connection_ = nullptr;
    const AccountPtr account = c2s_.shard().find_account(jid().bare_str());
    std::vector<SentStanza> unacknowledged;
    if (managed_) {
        cancel_timers();
        if (resumable()) c2s_.resumptions().remember({managed_->id, account ? account->jid() : jid().bare(), handled()});
        unacknowledged = managed_->counts.waiting();
    }
    if (!account) return;
    if (alive()) count_out(unacknowledged);
    account->remove_session(keep_alive);
    for (const SentStanza& sent : unacknowledged) redeliver(account, sent);
}

// What the account itself said (copies, pages of the archive) was for this session alone.
void C2sSession::redeliver(const AccountPtr& account, const SentStanza& sent) {
    if (sent.received_elsewhere) return;
    if (!sent.stanza->is_message() || sent.stanza->is_error() || sent.stanza->from == account->jid()) return;
    auto route = std::make_unique<Route>(std::make_shared<Stanza>(*sent.stanza), sent.to.empty() ? sent.stanza->to : sent.to);
    route->log_id = sent.log_id;
    route->ticket = sent.ticket;
    c2s_.shard().router().redeliver(account, std::move(route), sent.stanza, sent.at);
}

void C2sSession::cancel_timers() {
    for (TimerId* timer : {&managed_->ack_timer, &managed_->question_timer, &managed_->away_timer, &managed_->save_timer})
        c2s_.loop().cancel(std::exchange(*timer, 0));
}

std::shared_ptr<C2sSession> C2sSession::self() { return std::static_pointer_cast<C2sSession>(shared_from_this()); }

}  // namespace rookery
