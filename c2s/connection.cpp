#include "c2s/connection.h"

#include <algorithm>
#include <cassert>

#include "base/log.h"
#include "c2s/client_origin.h"
#include "c2s/connection_stranger.h"
#include "c2s/session.h"
#include "core/answer.h"
#include "core/host.h"
#include "core/hooks.h"

namespace rookery {

namespace {

constexpr std::size_t output_before_input = 256 * 1024;
constexpr Seconds patience_with_reader{2};  // of those who write to a client that does not read
constexpr Milliseconds look_at_reader{100};
constexpr Seconds login_lasts{2};  // after binding, with all that a client asks for then: roster, presence, archive

}  // namespace

// Since when the client has too much to read, and whom that slows down.
struct Connection::Behind {
    explicit Behind(SteadyTime now) : since(now) {}

    const SteadyTime since;
    std::vector<TicketPtr> tickets;
    TimerId timer = 0;
};

struct Connection::Home {
    std::unique_ptr<ParkedTransport> transport;
    std::shared_ptr<const C2sPolicy> policy;
    Stream stream;
    std::string tls_text;
    SteadyTime login_until;
};

// --- opening and closing ------------------------------------------------------------------------------------------

Connection::Connection(Private, C2s& c2s, std::shared_ptr<const C2sPolicy> policy, Stream stream)
    : c2s_(c2s), policy_(std::move(policy)), stream_(std::move(stream)), last_heard_(c2s.loop().clock().steady_now()) {
    c2s_.count_connection(+1);
}

Connection::~Connection() { c2s_.count_connection(-1); }

void Connection::open(C2s& c2s, std::unique_ptr<ParkedTransport> transport, std::shared_ptr<const C2sPolicy> policy) {
    Stream stream(c2s.stream_home(), *policy->stream);
    auto connection = std::make_shared<Connection>(Private(), c2s, std::move(policy), std::move(stream));
    connection->self_ = connection;
    connection->transport_ = transport->adopt(c2s.loop(), *connection);
    connection->become(Rank::stranger);
    connection->watch_login(connection->last_heard_ + connection->policy_->login_within);
    log_debug("connection_opened", {{"peer", connection->transport_->peer().to_string()}});
}

// A client that is not heard of any more may come back for its session.
void Connection::close(const StreamError& error) {
    const auto self = shared_from_this();
    if (error.condition == StreamCondition::connection_timeout) lose_session();
    if (session_) session_->say_last_count();
    stream_.close(error);
    say_goodbye();
}

// The stream has ended. What it still has to say does not count as taken.
void Connection::say_goodbye() {
    if (session_) session_->look_what_was_taken();
    flush();
    close_transport();
}

void Connection::leave_session(const StreamError& error) {
    session_.reset();
    close(error);
}

void Connection::drop() {
    const auto self = shared_from_this();
    if (!transport_) return;
    transport_->abort();
    on_closed(CloseReason::timeout);
}

// Output first, then the end; the object goes when the transport says it is closed.
void Connection::close_transport() {
    if (!transport_ || std::exchange(ending_, true)) return;
    end_login();
    end_behind();
    stream_.park_input();
    log_closed(stream_.close_reason());
    end_session();
    transport_->close_after_flush();
}

void Connection::on_closed(CloseReason reason) {
    const std::shared_ptr<Connection> self = std::move(self_);
    end_login();
    end_behind();
    if (!stream_.is_closed()) {
        stream_.park_input();
        lose_session();
        log_closed(to_string(reason));
    }
    end_session();
    transport_.reset();
}

// Not closed but lost: a session under stream management waits for its client (XEP-0198 section 5).
void Connection::lose_session() {
    if (!session_ || !session_->hibernate()) return;
    log_info("session_hibernates", {{"session", session_->id()}, {"jid", session_->jid().str()}});
    session_.reset();
}

void Connection::end_session() {
    if (!session_) return;
    const std::shared_ptr<C2sSession> session = std::move(session_);
    session->end();
}

void Connection::log_closed(std::string_view reason) const {
    const std::string jid = stream_.jid().to_string();
    if (session_)
        log_info("session_closed", {{"session", session_->id()}, {"jid", jid}, {"reason", reason}});
    else
        log_debug("connection_closed", {{"peer", transport_->peer().to_string()}, {"reason", reason}});
}

// --- rank -----------------------------------------------------------------------------------------------------------

void Connection::become(Rank rank) {
    rank_ = rank;
    if (transport_) transport_->set_rank(rank);
}

// The roster, the first presence and its answers are the larger part of a login: in a storm they wait with the others'.
void Connection::be_in_soon() {
    c2s_.loop().after(login_lasts, [self = weak_from_this()] {
        if (auto connection = self.lock()) connection->become(Rank::in);
    });
}

// --- timers before login ------------------------------------------------------------------------------------------

void Connection::watch_login(SteadyTime until) {
    stranger_ = std::make_unique<Stranger>(until);
    c2s_.add_stranger(transport_->peer().ip, *this);
    stranger_->timer = c2s_.loop().after(std::max(Duration(0), until - c2s_.loop().clock().steady_now()), [this] {
        close(StreamError(StreamCondition::connection_timeout, "login took too long"));
    });
    restart_silence_timer();
}

// While we owe an answer the silence is ours.
void Connection::restart_silence_timer() {
    c2s_.loop().cancel(stranger_->silence_timer);
    stranger_->silence_timer = c2s_.loop().after(policy_->silence_before_login, [this] {
        if (holds_ > 0) return restart_silence_timer();
        close(StreamError(StreamCondition::connection_timeout));
    });
}

void Connection::end_login() {
    if (!stranger_) return;
    if (stranger_->checking) stranger_->checking->abandoned = true;
    c2s_.remove_stranger(transport_->peer().ip, *this);
    c2s_.loop().cancel(stranger_->timer);
    c2s_.loop().cancel(stranger_->silence_timer);
    stranger_.reset();
}

// --- the pump -----------------------------------------------------------------------------------------------------

void Connection::on_data(std::string_view bytes) {
    const auto self = shared_from_this();
    last_heard_ = c2s_.loop().clock().steady_now();
    if (stranger_) restart_silence_timer();
    stream_.feed(bytes);
    pump();
    throttle(bytes.size());
}

// Asks the stream for events until its input is used up or something must be waited for.
void Connection::pump() {
    if (pumping_ || !transport_) return;
    pumping_ = true;
    bool going = true;
    while (going && !ending_ && !must_wait()) {
        const StreamEvent event = stream_.next();
        if (event == StreamEvent::need_more) break;
        going = handle(event);
    }
    pumping_ = false;
    if (!transport_) return;
    flush();
    if (!stream_.is_closed() && stuck()) wait();
}

bool Connection::stuck() const { return must_wait() || stream_.starving(); }

bool Connection::must_wait() const {
    return holds_ > 0 || (session_ && session_->held()) || owes_much() || c2s_.shard().congested() ||
           (c2s_.resting() && !must_finish());
}

// Who does not take the answers he has asked for already is not asked what else he wants.
bool Connection::owes_much() const { return transport_ && transport_->output_bytes() > output_before_input; }

void Connection::on_drained() {
    if (behind_) look_whether_behind();
    if (paused_) resume();
}

void Connection::keep_while_behind(const TicketPtr& ticket) {
    if (!owes_much()) return;
    const SteadyTime now = c2s_.loop().clock().steady_now();
    if (!behind_) {
        behind_ = std::make_unique<Behind>(now);
        look_again(Milliseconds(1));  // behind this turn's flush
    }
    if (now - behind_->since < patience_with_reader) behind_->tickets.push_back(ticket);
}

QueueMember Connection::output() const {
    const std::size_t bound = policy_->max_output_bytes;
    if (!behind_) return {output_bytes(), bound};
    return {output_bytes(), bound, c2s_.loop().clock().steady_now() - behind_->since};
}

void Connection::end_behind() {
    if (!behind_) return;
    c2s_.loop().cancel(behind_->timer);
    behind_.reset();
}

void Connection::look_again(Duration later) {
    behind_->timer = c2s_.loop().after(later, [self = weak_from_this()] {
        if (auto connection = self.lock()) connection->look_whether_behind();
    });
}

void Connection::look_whether_behind() {
    if (!owes_much()) return end_behind();
    c2s_.loop().cancel(behind_->timer);
    if (c2s_.loop().clock().steady_now() - behind_->since >= patience_with_reader) behind_->tickets.clear();
    look_again(look_at_reader);
}

// Stops reading; whoever ends the wait calls resume().
void Connection::wait() {
    stream_.park_input();
    if (!paused_) transport_->pause_reading();
    paused_ = true;
    if (holds_ > 0 || (session_ && session_->held()) || (c2s_.resting() && !must_finish())) return;
    const std::weak_ptr<Connection> self = weak_from_this();
    Callback again = [self] {
        if (auto connection = self.lock()) connection->resume();
    };
    if (owes_much())
        c2s_.loop().after(Milliseconds(1), [self] {  // behind this turn's flush; what it could not send ends in on_drained()
            const auto connection = self.lock();
            if (connection && connection->transport_ && !connection->owes_much()) connection->resume();
        });
    else if (c2s_.shard().congested())
        c2s_.shard().when_clear(std::move(again));
    else
        c2s_.loop().after(Milliseconds(100), std::move(again));  // no parser was free
}

// From a fresh turn: whoever released us may be deep inside this very connection's pump.
void Connection::resume() {
    c2s_.loop().post_as(rank_, [self = weak_from_this()] {
        const auto connection = self.lock();
        if (!connection || !connection->transport_) return;
        connection->pump();  // also where something else must be waited for now: it sees to it that we come again
        if (!connection->transport_ || connection->stream_.is_closed() || connection->stuck()) return;
        connection->paused_ = false;
        connection->last_heard_ = connection->c2s_.loop().clock().steady_now();
        connection->transport_->resume_reading();
    });
}

SteadyTime Connection::last_heard() const { return paused_ ? c2s_.loop().clock().steady_now() : last_heard_; }

void Connection::release_hold() {
    assert(holds_ > 0);
    if (--holds_ == 0) resume();
}

// Input past the shaper's rate waits in the kernel.
void Connection::throttle(std::size_t bytes) {
    if (!shaper_ || !transport_ || stream_.is_closed()) return;
    const Duration pause = shaper_->take(bytes, last_heard_);
    if (pause <= Duration::zero()) return;
    hold();
    wait();
    c2s_.loop().after(pause, [self = weak_from_this()] {
        if (auto connection = self.lock()) connection->release_hold();
    });
}

void Connection::flush() {
    if (!transport_ || !stream_.has_output()) return;
    watch_backlog();
    put(stream_.take_output());
}

// What waits already counts, so that one answer may be larger than the limit (the roster of a lifetime).
bool Connection::too_far_behind() const { return transport_->output_bytes() > policy_->max_output_bytes; }

// From a fresh turn: whoever wrote is not prepared to lose the connection under his hands.
void Connection::watch_backlog() {
    if (!too_far_behind() || stream_.is_closed()) return;
    c2s_.loop().post([self = weak_from_this()] {
        if (auto connection = self.lock())
            connection->close(StreamError(StreamCondition::policy_violation, "the client reads too slowly"));
    });
}

bool Connection::handle(StreamEvent event) {
    switch (event) {
        case StreamEvent::nothing:
        case StreamEvent::need_more: return true;
        case StreamEvent::start_tls: start_tls(); return false;
        case StreamEvent::need_credentials: attempt_login(); return true;
        case StreamEvent::check_password: hold(); spawn(check_password(shared_from_this())); return true;
        case StreamEvent::auth_failed: login_failed(); return true;
        case StreamEvent::authenticated: go_home(); return false;
        case StreamEvent::registration: answer_registration(stream_.take_stanza()); return true;
        case StreamEvent::bind: bind_in_turn(); return true;
        case StreamEvent::stanza: c2s_.shard().router().from_session(session_, stream_.take_stanza()); return transport_ != nullptr;
        case StreamEvent::answered: answer_at_once(); return transport_ != nullptr;
        case StreamEvent::nonza: on_nonza(*stream_.take_nonza()); return transport_ != nullptr;
        case StreamEvent::closed: say_goodbye(); return false;
    }
    return false;
}

// What the stream could answer counts like all that is sent and received.
void Connection::answer_at_once() {
    const TicketPtr ticket = session_->issue_ticket(c2s_.shard(), 0);
    if (const std::shared_ptr<Stanza> reply = stream_.take_stanza()) session_->deliver(reply, {}, Handover{ticket});
}

bool Connection::write(const Stanza& stanza, const Jid& to) {
    if (!transport_ || stream_.is_closed()) return false;
    if (too_far_behind()) {
        watch_backlog();
        return false;
    }
    std::string& scratch = c2s_.scratch();
    scratch.clear();
    if (to.empty())
        stanza.write(scratch);
    else
        stanza.write_to(scratch, to);
    flush();  // what the stream itself said comes first
    put(scratch);
    return true;
}

void Connection::put(std::string_view bytes) {
    written_ += bytes.size();
    transport_->write(bytes);
    c2s_.note_backlog(bytes.size());
}

void Connection::write(std::string_view nonza) {
    if (!transport_ || stream_.is_closed()) return;
    flush();
    put(nonza);
}

std::size_t Connection::output_bytes() const { return transport_ ? transport_->output_bytes() : 0; }

std::uint64_t Connection::taken() const {
    const std::size_t untaken = transport_ ? transport_->untaken_bytes() : 0;
    return written_ - std::min<std::uint64_t>(untaken, written_);
}

// --- TLS ----------------------------------------------------------------------------------------------------------

void Connection::start_tls() {
    flush();
    transport_->start_tls(policy_->contexts);
}

void Connection::on_secured(const TlsInfo& tls) {
    stranger_->tls = tls.version + " " + tls.cipher;
    become(Rank::newcomer);
    stream_.tls_started(tls);
}

// --- login --------------------------------------------------------------------------------------------------------

void Connection::attempt_login() {
    become(Rank::newcomer);  // also without TLS
    hold();
    c2s_.logins().run(LoginGate::Step::credentials, load_credentials(shared_from_this()));
}

Task<void> Connection::load_credentials([[maybe_unused]] std::shared_ptr<Connection> self) {
    if (!transport_ || stream_.is_closed()) co_return release_hold();  // he did not wait for his turn
    Host& host = *stream_.host();
    const std::optional<Jid> account = Jid::make(stream_.auth_account(), host.domain());
    auto event = std::make_unique<LoginEvent>(login_event(account.value_or(Jid())));
    const std::string address = event->address;
    Outcome outcome = host.hooks.login_attempt.run(*event);
    if (outcome.pending()) {
        Task<Outcome> later = outcome.take_later();
        outcome = co_await later;
    }
    if (!outcome.passed()) {
        stream_.close(StreamError(StreamCondition::policy_violation, "too many failed logins"));
        release_hold();
        co_return;
    }
    std::optional<SaslCondition> verdict;
    Result<Login> login = Error(ErrorCode::not_found, "no such name");
    if (account) {
        login = co_await host.stores().accounts.load_login(*account);
        if (!host.options().access->allows(policy_->access, *account, address)) verdict = SaslCondition::not_authorized;
    }
    if (login.ok()) {
        if (login->disabled) verdict = SaslCondition::account_disabled;
        stream_.provide(login->keys, verdict);
    } else if (login.error().code == ErrorCode::not_found) {
        stream_.provide(Credentials{}, verdict);
    } else {
        log_error("login_storage_failed", {{"error", login.error().message}});
        stream_.fail_auth(SaslCondition::temporary_auth_failure);
    }
    release_hold();
}

Task<void> Connection::check_password([[maybe_unused]] std::shared_ptr<Connection> self) {
    const auto check = std::make_shared<PasswordCheck>(stream_.take_password_check());
    const SaslCheckPassword& what = check->what;
    const std::string account = what.account + "@" + stream_.host()->domain();
    if (c2s_.plain_cache().knows(account, what.password, what.keys)) {
        stream_.password_checked(true);
    } else {
        stranger_->checking = check;
        auto verify = [check] { return check->run(); };  // named: docs/traps.md
        Result<bool> matches = co_await c2s_.work().run(std::move(verify));
        if (stranger_) stranger_->checking.reset();
        if (!matches.ok()) {
            stream_.fail_auth(SaslCondition::temporary_auth_failure);
        } else {
            if (*matches) c2s_.plain_cache().remember(account, what.password, what.keys);
            stream_.password_checked(*matches);
        }
    }
    release_hold();
}

LoginEvent Connection::login_event(Jid account) const {
    const IpAddress& ip = transport_->peer().ip;
    return LoginEvent{ip.to_string(), ip.client_prefix().to_string(), std::move(account), {}};
}

void Connection::login_failed() {
    const std::string account = stream_.auth_account();
    LoginEvent event = login_event(Jid::make(account, stream_.host()->domain()).value_or(Jid()));
    event.reason = stream_.close_reason();
    log_info("login_failed", {{"address", event.address}, {"account", account}, {"reason", event.reason}});
    if (account.empty()) return;  // nothing was guessed
    (void)stream_.host()->hooks.login_failed.run(event);
}

// The account's shard takes over: nothing of the login may be left behind here.
void Connection::go_home() {
    flush();
    stream_.park_input();
    const unsigned home = c2s_.shard().all().home_of(stream_.jid().str());
    if (home == c2s_.shard().index()) return resume_after_login();
    const SteadyTime until = stranger_->until;
    std::string tls_text = std::move(stranger_->tls);
    end_login();
    const std::shared_ptr<Connection> self = std::move(self_);
    std::unique_ptr<ParkedTransport> parked = transport_->release();
    transport_.reset();
    if (!parked) return;
    C2s& target = c2s_.at(home);
    auto moving = std::make_shared<Home>(Home{std::move(parked), policy_, std::move(stream_), std::move(tls_text), until});
    target.loop().post_as(Loop::rank(), [&target, moving = std::move(moving)] { arrive_home(target, moving); });
}

void Connection::arrive_home(C2s& c2s, std::shared_ptr<Home> home) {
    home->stream.rebind(c2s.stream_home());
    auto connection = std::make_shared<Connection>(Private(), c2s, std::move(home->policy), std::move(home->stream));
    connection->self_ = connection;
    connection->transport_ = home->transport->adopt(c2s.loop(), *connection);
    connection->become(Rank::newcomer);
    connection->watch_login(home->login_until);
    connection->stranger_->tls = std::move(home->tls_text);
    connection->resume_after_login();
}

void Connection::resume_after_login() {
    if (!stream_.host()) return close(StreamError(StreamCondition::host_gone));
    const std::string address = transport_->peer().ip.to_string();
    const ShaperRate rate = stream_.host()->options().access->shaper(policy_->shaper, stream_.jid(), address);
    if (rate.limited()) shaper_ = std::make_unique<Shaper>(rate, last_heard_);
    // Else the end of the connection, which the kernel tells first, overtakes what was read before.
    if (!paused_) transport_->pause_reading();
    paused_ = true;
    resume();
}

// --- registration before login --------------------------------------------------------------------------------------

void Connection::answer_registration(std::shared_ptr<Stanza> request) {
    Host& host = *stream_.host();
    const Features::Answerer* answerer = host.features.find(request->iq_type(), request->payload(), At::stranger);
    if (!answerer) return send_registration(*request, Condition::service_unavailable);
    const IpAddress& ip = transport_->peer().ip;
    IqReply reply = ask(*answerer, Iq{request, &host, nullptr, nullptr, ip.to_string(), ip.client_prefix().to_string()});
    if (!reply.pending()) return send_registration(*request, reply);
    hold();
    spawn(finish_registration(shared_from_this(), std::move(request), reply.take_later()));
}

Task<void> Connection::finish_registration([[maybe_unused]] std::shared_ptr<Connection> self, std::shared_ptr<Stanza> request,
                                           Task<IqReply> later) {
    const IqReply reply = co_await later;
    if (transport_ && !stream_.is_closed()) send_registration(*request, reply);
    release_hold();
}

void Connection::send_registration(const Stanza& request, const IqReply& reply) {
    Stanza answer = to_stanza(request, reply);
    answer.from = stream_.host()->jid();
    answer.to = Jid();
    stream_.write(answer);
}

// --- binding --------------------------------------------------------------------------------------------------------

void Connection::bind_in_turn() {
    hold();
    c2s_.logins().run(LoginGate::Step::bind, bind_if_unchanged(shared_from_this()));
}

// Since the proof the account may have been banned, removed or given another password, which ends the sessions there
// were: whoever was about to get one then must not come in after all.
Task<Connection::Welcome> Connection::still_welcome() {
    if (!transport_ || stream_.is_closed()) co_return Welcome::gone;
    const Result<Login> login = co_await stream_.host()->stores().accounts.load_login(stream_.jid());
    if (!transport_ || stream_.is_closed()) co_return Welcome::gone;
    if (login.ok() && !login->disabled && login->keys == stream_.keys()) co_return Welcome::yes;
    if (!login.ok() && login.error().code != ErrorCode::not_found) co_return Welcome::unknown;
    close(StreamError(StreamCondition::not_authorized, "the account was changed during the login"));
    co_return Welcome::gone;
}

Task<void> Connection::bind_if_unchanged([[maybe_unused]] std::shared_ptr<Connection> self) {
    const Welcome welcome = co_await still_welcome();
    if (welcome == Welcome::yes) bind();
    if (welcome == Welcome::unknown) stream_.refuse_bind(StanzaError(Condition::internal_server_error, ErrorType::wait));
    release_hold();
}

// RFC 6120 7.7: the wish, or a name of ours where there is none or it cannot be one (7.7.2.1; clients go by the answer,
// and one that got an error could not log in at all). Nullopt: refused, the answer is written.
std::optional<Jid> Connection::choose_resource(Account& account) {
    const Jid& bare = account.jid();
    const std::string& wish = stream_.requested_resource();
    std::optional<Jid> full = wish.empty() ? std::nullopt : bare.with_resource(wish);
    if (!full) full = bare.with_resource(random_token(12));
    SessionPtr old = account.find_session(full->resource());
    if (old && policy_->conflict == ResourceConflict::closenew) {
        stream_.refuse_bind(StanzaError(Condition::conflict));
        return std::nullopt;
    }
    if (old && policy_->conflict == ResourceConflict::setresource) {
        full = bare.with_resource(random_token(12));
        old = nullptr;
    }
    if (old) old->close(StreamError(StreamCondition::conflict, "replaced by a new connection"));
    make_room(account, account.host().max_sessions(bare));
    if (!c2s_.opens_sessions()) c2s_.count_refused_session();
    if (account.sessions().size() >= account.host().max_sessions(bare) || !c2s_.opens_sessions()) {
        stream_.refuse_bind(StanzaError(Condition::resource_constraint, ErrorType::wait));
        return std::nullopt;
    }
    return full;
}

// Of too many sessions those whose clients have been away for the longest go first (B8).
void Connection::make_room(Account& account, std::size_t max_sessions) {
    if (account.sessions().size() < max_sessions) return;
    std::shared_ptr<C2sSession> longest;
    for (const SessionPtr& session : account.sessions()) {
        auto other = std::static_pointer_cast<C2sSession>(session);
        if (other->hibernating() && (!longest || other->hibernating_since() < longest->hibernating_since())) longest = other;
    }
    if (longest) longest->close(StreamError(StreamCondition::resource_constraint, "another session of the account needs its place"));
}

void Connection::bind() {
    Shard& shard = c2s_.shard();
    const AccountPtr account = shard.account_for_login(stream_.jid().bare());
    if (!account) return close(StreamError(StreamCondition::host_gone));
    std::optional<Jid> full = choose_resource(*account);
    if (!full) {
        if (account->sessions().empty()) shard.account_idle(*account);
        return;
    }
    const ClientOrigin from = origin();
    end_login();
    be_in_soon();
    session_ = std::make_shared<C2sSession>(*full, shard.next_session_id(), from, c2s_.loop().clock().wall_now(), *this);
    stream_.bound(*full);
    account->add_session(session_);
    ++shard.counters().logins;
    const SessionOrigin known = from.describe();
    log_info("session_opened", {{"session", session_->id()}, {"jid", full->str()}, {"address", known.address},
                                {"tls", known.tls}, {"mechanism", known.mechanism}});
    SessionEvent event{session_, account};
    (void)account->host().hooks.session_bound.run(event);
}

// Before end_login().
ClientOrigin Connection::origin() const {
    return {transport_->peer(), policy_->direct_tls ? "tls" : "tcp", stranger_->tls, stream_.mechanism()};
}

}  // namespace rookery
