// All users of a run: makes them, logs them in with a bounded number under way, logs them out, and runs the loop until
// something holds, something failed, or the run's deadline is over.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/load/options.h"
#include "bench/load/peer.h"
#include "bench/load/relay_peer.h"
#include "bench/load/xmpp_peer.h"

namespace rookery::bench {

class Fleet final : Peer::Observer {
public:
    class Sink {
    public:
        // False: this message should not have come; it is counted as a stray.
        virtual bool on_message(Peer& peer, UserNumber from, std::string_view text) = 0;

        virtual void on_acknowledged(Peer&, std::uint32_t /*messages*/) {}

    protected:
        ~Sink() = default;
    };

    Fleet(const Options& options, UserNumber users, Sink* sink);
    ~Fleet();

    // The first `count` users are logged in when this succeeds; those who are already stay so.
    Result<void> log_in(UserNumber count);
    // Waits for the server to end the streams, but not long.
    void log_out();

    Result<void> run_until(const std::function<bool()>& done, const char* what);
    Result<void> run_for(std::chrono::milliseconds time);

    Peer& peer(UserNumber index) { return *peers_[index]; }
    TimePoint now() const { return loop_.now(); }
    // Messages that came and should not have, error answers among them.
    std::uint64_t strays() const { return strays_; }
    const std::string& first_stray() const { return first_stray_; }

private:
    void on_ready(Peer& peer) override;
    void on_message(Peer& peer, UserNumber from, std::string_view text) override;
    void on_stray(Peer& peer, std::string_view what) override;
    void on_acknowledged(Peer& peer, std::uint32_t messages) override;
    void on_down(Peer& peer, const std::string& why) override;
    void on_logged_out(Peer& peer) override;
    void start_logins();

    const Options& options_;
    Loop loop_;
    std::unique_ptr<TlsContext> tls_;
    XmppShared xmpp_;
    RelayShared relay_;
    Sink* sink_;
    std::vector<std::unique_ptr<Peer>> peers_;
    TimePoint deadline_;
    UserNumber wanted_ = 0;
    UserNumber started_ = 0;
    UserNumber ready_ = 0;
    UserNumber gone_ = 0;
    std::uint64_t strays_ = 0;
    bool leaving_ = false;
    std::string first_stray_;
    std::string failure_;
};

}  // namespace rookery::bench
