// RemoteRouter: who takes the stanzas for domains that are not ours: components now. One per shard; all calls on its thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "core/route.h"

namespace rookery {

// One that is connected to us; for administrators.
struct RemotePeer {
    std::string domain;
    std::string kind;     // "component"
    std::string address;  // without port
    std::uint16_t port = 0;
    WallTime since;
    std::size_t backlog_bytes = 0;  // it has not taken yet
    std::uint64_t sent = 0;         // stanzas it was handed
    std::uint64_t received = 0;     // stanzas it sent
};

class RemoteRouter {
public:
    virtual ~RemoteRouter() = default;
    // Takes responsibility for the stanza: delivers, queues, or refuses it through the router.
    virtual void send(RoutePtr route) = 0;
    // The same where the stanza has reached the shard of its domain, Shards::home_of(domain).
    virtual void arrive(RoutePtr route) = 0;
    // Is there somebody to take stanzas to that domain, even if he is away at the moment?
    virtual bool reaches(std::string_view domain) const = 0;
    virtual std::vector<RemotePeer> peers() const = 0;  // on this shard
};

}  // namespace rookery
