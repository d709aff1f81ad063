#include "server/rest.h"

#include <vector>

#include "c2s/connection.h"
#include "c2s/session.h"
#include "core/message_log.h"
#include "server/assembly.h"

namespace rookery {
namespace {

// What it waits for, or what of it was not written down yet.
bool is_busy(const AccountPtr& account, SteadyTime now) {
    const bool written = !account->host().message_log().write_down_now(account);
    return !written || account->busy() || account->waiting(now).length > 0;
}

std::string busy_account(Shard& shard) {
    std::vector<AccountPtr> all;
    shard.for_each_account([&](const Account& account) {
        all.push_back(shard.find_account(account.jid().str()));
        return true;
    });
    const SteadyTime now = shard.loop().clock().steady_now();
    std::string busy;
    for (const AccountPtr& account : all)
        if (is_busy(account, now)) busy = "storage or a module, for " + std::string(account->jid().str());
    return busy;
}

std::string full_ring(Assembly& assembly, unsigned shard) {
    if (assembly.shards().at(shard).congested()) return "room in a ring between two shards";
    for (unsigned to = 0; to < assembly.shards().count(); ++to)
        if (to != shard && assembly.ring_length(shard, to) > 0) return "a ring between two shards";
    return {};
}

// Those that must be settled, and those that must be read to their end.
std::size_t open_stanzas(Shard& shard) {
    std::size_t open = 0;
    shard.for_each_session([&open](Session& session) {
        const Connection* connection = static_cast<C2sSession&>(session).connection();
        open += session.issued() - session.settled() + (connection && connection->must_finish());
    });
    return open;
}

}  // namespace

UnderWay look_what_is_under_way(Assembly& assembly, unsigned shard_index) {
    Shard& shard = assembly.shards().at(shard_index);
    C2s& c2s = assembly.c2s(shard_index);
    c2s.rest();
    assembly.components(shard_index).rest();
    UnderWay found{busy_account(shard), open_stanzas(shard)};
    if (found.what.empty()) found.what = full_ring(assembly, shard_index);
    for (const Connection* stranger : c2s.strangers()) found.open += stranger->waits();
    return found;
}

}  // namespace rookery
