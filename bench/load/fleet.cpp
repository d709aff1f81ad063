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

Fleet::Fleet(const Options& options, UserNumber users, Sink* sink)
    : options_(options),
      tls_(make_tls(options)),
      xmpp_{options, loop_, tls_.get(), {}},
      relay_{options, loop_, tls_.get()},
      sink_(sink),
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

Result<void> Fleet::log_in(UserNumber count) {
    wanted_ = count;
    start_logins();
    return run_until([this] { return ready_ >= wanted_; }, "logins");
}

void Fleet::start_logins() {
    while (started_ < wanted_ && started_ - ready_ < options_.logins_in_flight && failure_.empty()) {
        peers_[started_++]->log_in();
    }
}

void Fleet::log_out() {
    leaving_ = true;
    for (UserNumber i = 0; i < started_; ++i) peers_[i]->log_out();
    const TimePoint end = Clock::now() + kLogOutPatience;
    while (gone_ < started_ && Clock::now() < end) loop_.turn(kTurn);
}

Result<void> Fleet::run_until(const std::function<bool()>& done, const char* what) {
    while (!done()) {
        if (!failure_.empty()) return Error(ErrorCode::unavailable, std::string(what) + ": " + failure_);
        if (Clock::now() > deadline_) return Error(ErrorCode::limit, std::string(what) + ": the deadline is over");
        loop_.turn(options_.rate > 0 ? kPacedTurn : kTurn);
    }
    return {};
}

Result<void> Fleet::run_for(std::chrono::milliseconds time) {
    const TimePoint end = Clock::now() + time;
    return run_until([&] { return Clock::now() >= end; }, "waiting");
}

void Fleet::on_ready(Peer&) {
    ++ready_;
    start_logins();
}

void Fleet::on_message(Peer& peer, UserNumber from, std::string_view text) {
    if (leaving_) return;
    if (sink_ == nullptr || !sink_->on_message(peer, from, text)) on_stray(peer, text);
}

void Fleet::on_stray(Peer&, std::string_view what) {
    if (strays_++ == 0) first_stray_ = what.substr(0, kQuotedBytes);
}

void Fleet::on_acknowledged(Peer& peer, std::uint32_t messages) {
    if (sink_ != nullptr) sink_->on_acknowledged(peer, messages);
}

void Fleet::on_down(Peer& peer, const std::string& why) {
    if (leaving_) return on_logged_out(peer);
    if (failure_.empty()) failure_ = "user " + std::to_string(peer.number()) + ": " + why;
}

void Fleet::on_logged_out(Peer&) { ++gone_; }

}  // namespace rookery::bench
