// All users of this process: makes them, logs them in with a bounded number under way, drops them, logs them out, and
// runs the loop until something holds, something failed, or the run's deadline is over.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/load/figures.h"
#include "bench/load/options.h"
#include "bench/load/peer.h"
#include "bench/load/relay_peer.h"
#include "bench/load/team.h"
#include "bench/load/xmpp_peer.h"

namespace rookery::bench {

class Fleet final : Peer::Observer {
public:
    class Sink {
    public:
        // False: this message should not have come; it is counted as a stray.
        virtual bool on_message(Peer&, UserNumber /*from*/, std::string_view /*text*/) { return false; }
        virtual void on_acknowledged(Peer&, std::uint32_t /*messages*/) {}
        // Any stanza of a session before it is looked at; true: it needs nothing more.
        virtual bool on_stanza(XmppPeer&, std::string_view /*stanza*/) { return false; }
        virtual void on_turn() {}  // once a turn of the loop

    protected:
        ~Sink() = default;
    };

    // `sink` may be null: then every message is a stray.
    Fleet(const Options& options, Team& team, UserNumber users, Sink* sink,
          XmppPurpose purpose = XmppPurpose::session);
    ~Fleet();

    // The first `count` users are logged in when this succeeds; those who are already stay so. Where users register
    // instead, they have.
    Result<void> log_in(UserNumber count) { return log_in(count, options_.logins_in_flight); }
    Result<void> log_in(UserNumber count, UserNumber in_flight);
    // Waits for the server to end the streams, but not long. They may log in again.
    void log_out();
    // All but the first `kept` users close their connections without a word. They may log in again.
    void drop_beyond(UserNumber kept);

    Result<void> run_until(const std::function<bool()>& done, const char* what);
    // As run_until, but content when nothing came that note_progress() told of for Options::silence.
    Result<void> run_until_or_silent(const std::function<bool()>& done, const char* what);
    Result<void> run_for(std::chrono::milliseconds time);
    // From now on it does not sleep where nothing has come: else a server that is slower than this program pays for waking
    // it (an interrupt to another core), and a fast one does not.
    void stay_awake() { longest_turn_ = std::chrono::milliseconds(0); }
    // Until all processes are here.
    Result<void> meet();

    void note_progress() { last_progress_ = now(); }
    void fail(const std::string& why);
    void stray(std::string_view what);  // it came and should not have

    UserNumber logged_in() const { return ready_; }
    UserNumber size() const { return static_cast<UserNumber>(peers_.size()); }
    UserNumber index_of(const Peer& peer) const { return peer.number() - options_.first_user; }
    Peer& peer(UserNumber index) { return *peers_[index]; }
    XmppPeer& user(UserNumber index);  // of an XMPP server
    TimePoint now() const { return loop_.now(); }
    TimePoint login_began(UserNumber index) const { return login_began_[index]; }
    // From connecting to ready, of the logins from now on; null: they are not timed.
    void time_logins(Histogram* latencies) { login_latencies_ = latencies; }

    // What it saw: strays, TLS.
    void put_into(Figures& figures) const;

private:
    void on_ready(Peer& peer) override;
    void on_message(Peer& peer, UserNumber from, std::string_view text) override;
    void on_stray(Peer& peer, std::string_view what) override;
    void on_acknowledged(Peer& peer, std::uint32_t messages) override;
    bool on_stanza(Peer& peer, std::string_view stanza) override;
    void on_down(Peer& peer, const std::string& why) override;
    void on_logged_out(Peer& peer) override;
    void start_logins();

    const Options& options_;
    Team& team_;
    Loop loop_;
    std::unique_ptr<TlsContext> tls_;
    XmppShared xmpp_;
    RelayShared relay_;
    Sink* sink_;
    std::vector<std::unique_ptr<Peer>> peers_;
    std::vector<TimePoint> login_began_;
    Histogram* login_latencies_ = nullptr;
    std::chrono::milliseconds longest_turn_;
    TimePoint deadline_;
    TimePoint last_progress_;
    UserNumber wanted_ = 0;
    UserNumber in_flight_ = 0;  // at most
    UserNumber started_ = 0;
    UserNumber ready_ = 0;
    UserNumber gone_ = 0;
    std::uint64_t strays_ = 0;  // messages that came and should not have, error answers among them
    bool leaving_ = false;
    std::string first_stray_;
    std::string tls_session_;  // of who was ready first
    std::string failure_;
};

}  // namespace rookery::bench
