// Components: one shard's service for external components (XEP-0114): who is connected, and the way to them.
//
// A component lives on the shard that its domain names, Shards::home_of(domain): there its connection is, there stanzas
// for it are taken. Every shard knows which components there are, so that it can say at once what reaches nobody.
// A component whose domain is in the configuration and that is away: remote-server-timeout (RFC 6120 8.3.3.16), try again
// later. Any other domain: remote-server-not-found.
//
// Of two connections for one domain the older one stays and the newer is refused (conflict), as Prosody does by default: two
// that were set up alike would put each other out for ever. The older one is probed meanwhile.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/sparse_log.h"
#include "core/remote_router.h"
#include "core/shard.h"
#include "net/transport.h"
#include "s2s/component_policy.h"

namespace rookery {

class ComponentConnection;

class Components final : public RemoteRouter {
public:
    // Becomes the shard's RemoteRouter.
    explicit Components(Shard& shard);
    ~Components() override;
    Components(const Components&) = delete;
    Components& operator=(const Components&) = delete;

    // All shards' services. Before the first connection.
    void set_peers(std::vector<Components*> peers) { peers_ = std::move(peers); }

    // Those who may connect from now on; components that may not any more are disconnected (host-gone). After the shard has
    // its hosts.
    void configure(const std::vector<std::shared_ptr<const ComponentPolicy>>& policies);
    // May one more connection come that has proved nothing yet?
    bool admits() const { return strangers_.size() < max_strangers; }
    void accept(std::unique_ptr<ParkedTransport> transport, std::shared_ptr<const ComponentPolicy> policy);
    void close_all(const StreamError& error);
    // Live upgrade: from rest() to wake() nothing is read. Left behind: the streams end at once.
    void rest() { resting_ = true; }
    void wake();
    bool resting() const { return resting_; }
    bool is_used() const { return !here_.empty() || !strangers_.empty(); }
    void leave_behind(const StreamError& error);

    // RemoteRouter
    void send(RoutePtr route) override;
    void arrive(RoutePtr route) override;
    bool reaches(std::string_view domain) const override;
    std::vector<RemotePeer> peers() const override;

    // For ComponentConnection.
    Shard& shard() const { return shard_; }
    Loop& loop() const { return shard_.loop(); }
    Components& at(unsigned shard_index) const { return *peers_[shard_index]; }
    std::string& scratch() { return scratch_; }
    void add_stranger(ComponentConnection& connection) { strangers_.insert(&connection); }
    void remove_stranger(ComponentConnection& connection) { strangers_.erase(&connection); }
    // On the domain's shard. Nullopt: it is in.
    std::optional<StreamError> admit(ComponentConnection& connection);
    void remove(ComponentConnection& connection);
    bool is_connected(const ComponentConnection& connection) const;
    void log_refused(std::string_view domain, std::string_view address, std::string_view reason);

    static constexpr std::size_t max_strangers = 100;     // per shard
    static constexpr std::size_t max_components = 1'000;  // per shard

private:
    void declare_queues();
    std::vector<ComponentConnection*> all_connections() const;
    void tell_all(const std::string& domain, bool connected);
    void note(const std::string& domain, bool connected);
    void show_services();
    Host* parent_of(std::string_view domain) const;

    Shard& shard_;
    std::vector<Components*> peers_;
    std::set<std::string, std::less<>> configured_;  // domains
    std::set<std::string, std::less<>> connected_;   // anywhere
    std::unordered_map<std::string, ComponentConnection*> here_;
    std::set<ComponentConnection*> strangers_;
    SparseLog refused_log_{Seconds(10)};  // somebody may try for ever
    std::string scratch_;  // stanzas are serialised here on their way to a transport
    bool resting_ = false;
};

}  // namespace rookery
