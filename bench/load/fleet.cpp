#include "bench/load/fleet.h"

namespace rookery::bench {

namespace {

constexpr std::chrono::milliseconds kTurn{20};
constexpr std::chrono::milliseconds kPacedTurn{1};  // with a rate: how late a message may be sent
constexpr std::chrono::seconds kLogOutPatience{10};
constexpr std::size_t kQuotedBytes = 500;  // of a stray stanza, in the report

std::unique_ptr<TlsContext> make_tls(const Options& options) {
    if (options.tls == TlsUse::none) return nullptr;
    TlsClientOptions wanted;
    wanted.version_1_2 = options.tls_1_2;
    wanted.ciphersuites = options.ciphersuites;
    if (options.tls == TlsUse::direct && options.protocol == Protocol::xmpp) wanted.alpn = "xmpp-client";
    return TlsContext::client(wanted);
}

}  // namespace

Fleet::Fleet(const Options& options, Team& team, UserNumber users, Sink* sink, XmppPurpose purpose)
    : options_(options),
      team_(team),
      tls_(make_tls(options)),
      xmpp_{options, loop_, tls_.get(), {}, purpose},
      relay_{options, loop_, tls_.get()},
      sink_(sink),
      login_began_(users),
      longest_turn_(options.rate > 0 ? kPacedTurn : kTurn),
      deadline_(Clock::now() + options.deadline) {
    Peer::Observer& self = *this;  // a private base: make_unique could not convert to it
    peers_.reserve(users);
    for (UserNumber i = 0; i < users; ++i) {
        const UserNumber number = options.first_user + i;
        if (options.protocol == Protocol::relay) {
            peers_.push_back(std::make_unique<RelayPeer>(relay_, number, self));
        } else {
            peers_.push_back(std::make_unique<XmppPeer>(xmpp_, number, self));
        }
    }
}

Fleet::~Fleet() = default;

XmppPeer& Fleet::user(UserNumber index) { return static_cast<XmppPeer&>(*peers_[index]); }

Result<void> Fleet::log_in(UserNumber count, UserNumber in_flight) {
    wanted_ = count;
    in_flight_ = in_flight;
    start_logins();
    return run_until([this] { return ready_ >= wanted_; }, "logins");
}

void Fleet::start_logins() {
    while (started_ < wanted_ && started_ - ready_ < in_flight_ && failure_.empty()) {
        login_began_[started_] = now();
        peers_[started_++]->log_in();
    }
}

void Fleet::log_out() {
    leaving_ = true;
    for (UserNumber i = 0; i < started_; ++i) peers_[i]->log_out();
    const TimePoint end = Clock::now() + kLogOutPatience;
    while (gone_ < started_ && Clock::now() < end) loop_.turn(kTurn);
    drop_beyond(0);
    gone_ = 0;
    leaving_ = false;
}

void Fleet::drop_beyond(UserNumber kept) {
    for (UserNumber i = kept; i < started_; ++i) peers_[i]->drop();
    started_ = ready_ = std::min(kept, started_);
}

Result<void> Fleet::run_until(const std::function<bool()>& done, const char* what) {
    while (!done()) {
        if (!failure_.empty()) return Error(ErrorCode::unavailable, std::string(what) + ": " + failure_);
        if (team_.has_failed()) return Error(ErrorCode::unavailable, kOthersFailed);
        if (Clock::now() > deadline_) return Error(ErrorCode::limit, std::string(what) + ": the deadline is over");
        if (sink_ != nullptr) sink_->on_turn();
        loop_.turn(longest_turn_);
    }
    return {};
}

Result<void> Fleet::run_until_or_silent(const std::function<bool()>& done, const char* what) {
    last_progress_ = Clock::now();
    return run_until([&] { return done() || Clock::now() - last_progress_ > options_.silence; }, what);
}

Result<void> Fleet::run_for(std::chrono::milliseconds time) {
    const TimePoint end = Clock::now() + time;
    return run_until([&] { return Clock::now() >= end; }, "waiting");
}

Result<void> Fleet::meet() {
    team_.arrive();
    return run_until([this] { return team_.all_arrived(); }, "waiting for the other processes");
}

void Fleet::fail(const std::string& why) {
    if (failure_.empty()) failure_ = why;
}

void Fleet::put_into(Figures& figures) const {
    figures.count("strays", strays_);
    figures.text("first_stray", first_stray_);
    figures.text("tls_session", tls_session_);
}

void Fleet::on_ready(Peer& peer) {
    ++ready_;
    if (tls_session_.empty()) tls_session_ = peer.tls_description();
    note_progress();
    if (login_latencies_ != nullptr) login_latencies_->add(now() - login_began_[index_of(peer)]);
    start_logins();
}

void Fleet::on_message(Peer& peer, UserNumber from, std::string_view text) {
    if (leaving_) return;
    if (sink_ == nullptr || !sink_->on_message(peer, from, text)) on_stray(peer, text);
}

void Fleet::on_stray(Peer&, std::string_view what) { stray(what); }

void Fleet::stray(std::string_view what) {
    if (strays_++ == 0) first_stray_ = what.substr(0, kQuotedBytes);
}

void Fleet::on_acknowledged(Peer& peer, std::uint32_t messages) {
    if (sink_ != nullptr) sink_->on_acknowledged(peer, messages);
}

bool Fleet::on_stanza(Peer& peer, std::string_view stanza) {
    return sink_ != nullptr && !leaving_ && sink_->on_stanza(static_cast<XmppPeer&>(peer), stanza);
}

void Fleet::on_down(Peer& peer, const std::string& why) {
    if (leaving_) return on_logged_out(peer);
    fail("user " + std::to_string(peer.number()) + ": " + why);
}

void Fleet::on_logged_out(Peer&) { ++gone_; }

}  // namespace rookery::bench
