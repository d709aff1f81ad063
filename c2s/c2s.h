// C2s: one shard's client service: what its connections share. Accepts transports, counts strangers, lends parsers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/work_pool.h"
#include "c2s/login_gate.h"
#include "c2s/network_gate.h"
#include "c2s/resumptions.h"
#include "c2s/stream.h"
#include "net/transport.h"
#include "core/shard.h"
#include "core/access.h"
#include "core/shaper.h"
#include "xmpp/sasl/plain_cache.h"
#include "xmpp/xml/stream_parser.h"

namespace rookery {

class Connection;

// RFC 6120 7.7.2.2: what happens when a resource is taken. The last: bind under another name.
enum class ResourceConflict { closeold, closenew, setresource };

// A listener's wishes and the limits of the service; immutable, new connections take the newest.
struct C2sPolicy {
    std::string listener;                         // its name, by which another program finds the policy again
    std::shared_ptr<const StreamPolicy> stream;
    std::shared_ptr<const TlsContexts> contexts;  // null: no TLS
    bool direct_tls = false;
    AccessRule access;                            // asked at login
    std::string shaper = "none";                  // shaper or shaper rule, of a logged-in connection's input
    Duration silence_before_login = Seconds(10);
    Duration login_within = Seconds(30);          // option negotiation_timeout
    std::size_t max_output_bytes = 4u << 20;      // a client that reads too slowly is closed past this
    unsigned connections_per_network = 0;         // a second, on all shards together; 0: any number (c2s/network_gate.h)
    Seconds send_timeout{15};                     // and one that takes nothing, after this
    ResourceConflict conflict = ResourceConflict::closeold;
};

struct C2sLimits {
    unsigned max_strangers_per_address = 200;  // not logged in, per /32 or /64, on this shard
    std::size_t max_logins = 64;               // that ask storage something at once (c2s/login_gate.h)
    // What the clients of this shard together have not taken or not acknowledged. Past it the slowest go; from three
    // quarters on no session is opened.
    std::size_t max_backlog_bytes = std::size_t{1} << 30;
};

class C2s {
public:
    C2s(Shard& shard, WorkPool& work, C2sLimits limits = {});
    ~C2s();
    C2s(const C2s&) = delete;
    C2s& operator=(const C2s&) = delete;

    // All shards' services, to move connections between. Before the first connection.
    void set_peers(std::vector<C2s*> peers) { peers_ = std::move(peers); }

    // May this address open one more connection before login (T5), on a listener with this policy?
    bool admits(const IpAddress& address, const C2sPolicy& policy);
    void accept(std::unique_ptr<ParkedTransport> transport, std::shared_ptr<const C2sPolicy> policy);

    // Ends the connections that have not logged in (shutdown; sessions are closed by Shard::close_sessions).
    void close_strangers(const StreamError& error);
    std::size_t connections() const { return connections_; }

    // Live upgrade (c2s/session_record.h). From rest() to wake() nothing is read; what waits to be acknowledged is saved.
    void rest();
    void wake();
    bool resting() const { return resting_; }
    const std::vector<Connection*>& strangers() const { return strangers_; }

    // For Connection.
    Shard& shard() const { return shard_; }
    Loop& loop() const { return shard_.loop(); }
    const StreamHome& stream_home() const { return stream_home_; }
    WorkPool& work() const { return work_; }
    LoginGate& logins() { return logins_; }
    Resumptions& resumptions() { return resumptions_; }
    const Resumptions& resumptions() const { return resumptions_; }
    PlainCache& plain_cache() { return plain_cache_; }
    C2s& at(unsigned shard_index) const { return *peers_[shard_index]; }
    std::string& scratch() { return scratch_; }
    void add_stranger(const IpAddress& address, Connection& connection);
    void remove_stranger(const IpAddress& address, Connection& connection);
    // So much was written to a client, or waits for its acknowledgement.
    void note_backlog(std::size_t bytes) {
        unwatched_bytes_ += bytes;
        if (unwatched_bytes_ >= look_at_backlog_bytes) watch_backlog();
    }
    bool opens_sessions() const { return backlog().length < limits_.max_backlog_bytes / 4 * 3; }
    void count_refused_session() { ++shed_; }
    void count_connection(int change) { connections_ += static_cast<std::size_t>(change); }

private:
    static constexpr std::size_t look_at_backlog_bytes = 256 * 1024;

    bool admits(const IpAddress& address);
    void declare_queues();
    void declare_memory();
    QueueMember backlog() const;
    QueueCounts backlog_counts() const;
    void watch_backlog();
    void shed();

    Shard& shard_;
    WorkPool& work_;
    C2sLimits limits_;
    xml::ParserPool parsers_;
    const StreamHome stream_home_{shard_, parsers_};
    PlainCache plain_cache_;
    Resumptions resumptions_;
    std::vector<C2s*> peers_;
    std::unordered_map<IpAddress, unsigned> strangers_by_address_;
    std::vector<Connection*> strangers_;
    std::uint64_t strangers_met_ = 0;
    std::uint64_t strangers_refused_ = 0;
    std::string scratch_;  // stanzas are serialised here on their way to a transport
    std::size_t connections_ = 0;
    std::size_t unwatched_bytes_ = 0;  // since the backlog was looked at
    std::uint64_t shed_ = 0;           // sessions that were ended, or not opened
    bool shedding_ = false;
    bool resting_ = false;
    NetworkGate networks_;
    LoginGate logins_{loop(), limits_.max_logins};
};

}  // namespace rookery
