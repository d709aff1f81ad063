// A user of bench_relay: says who it is and who its partner is, then lines go to the partner.
// Users 2n and 2n+1 are a pair.
#pragma once

#include "bench/load/options.h"
#include "bench/load/peer.h"

namespace rookery::bench {

struct RelayShared {
    const Options& options;
    Loop& loop;
    TlsContext* tls;
};

class RelayPeer final : public Peer, Connection::Listener {
public:
    RelayPeer(RelayShared& shared, UserNumber number, Observer& observer)
        : Peer(number, observer), shared_(shared), connection_(shared.loop, *this) {}

    void log_in() override;
    void send(UserNumber to, std::string_view id, std::string_view text) override;
    void log_out() override;
    void drop() override;
    std::string tls_description() const override { return connection_.tls_description(); }
    std::size_t overhead_bytes(UserNumber to, std::string_view id) const override;

private:
    void on_connected() override;
    void on_secured() override;
    void on_data(std::string_view bytes) override;
    void on_closed(const std::string& why) override;

    void say_hello();
    void on_line(std::string_view line);
    UserNumber partner() const { return number() ^ 1U; }

    RelayShared& shared_;
    Connection connection_;
    std::string partial_;
    bool ready_ = false;
};

}  // namespace rookery::bench
