// Components: who is connected by XEP-0114.
#include <algorithm>

#include "admin/commands.h"
#include "core/shard.h"

namespace rookery {
namespace {

Value describe(const RemotePeer& peer, WallTime now) {
    Value row = Value::object();
    row.set("component", peer.domain);
    row.set("ip", peer.address);
    row.set("port", peer.port);
    row.set("uptime", std::chrono::duration_cast<Seconds>(now - peer.since).count());
    row.set("backlog_bytes", peer.backlog_bytes);
    row.set("stanzas_sent", static_cast<std::int64_t>(peer.sent));
    row.set("stanzas_received", static_cast<std::int64_t>(peer.received));
    return row;
}

Task<Result<Value>> connected_components(CommandContext context, Arguments) {
    std::vector<RemotePeer> all;
    const auto collect = [](Shard& shard) {
        const RemoteRouter* remote = shard.router().remote();
        return remote ? remote->peers() : std::vector<RemotePeer>();
    };
    for (unsigned i = 0; i < context.shards.count(); ++i) {
        std::vector<RemotePeer> peers = co_await context.shards.on(i, collect);
        std::ranges::move(peers, std::back_inserter(all));
    }
    std::ranges::sort(all, {}, &RemotePeer::domain);
    const WallTime now = context.shards.at(0).loop().clock().wall_now();
    Value rows = Value::list();
    for (const RemotePeer& peer : all) rows.append(describe(peer, now));
    co_return rows;
}

}  // namespace

void add_component_commands(CommandTable& table) {
    table.add({"connected_components", "sessions", "List the external components that are connected (XEP-0114)", {},
               connected_components});
}

}  // namespace rookery
