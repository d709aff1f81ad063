// What can fill up in one shard's client service (base/queue_board.h). docs/queues.md says what each means.
#include "c2s/c2s.h"
#include "c2s/session.h"

namespace rookery {
namespace {

// One measure of all client sessions of a shard.
QueueLook look_at_sessions(const Shard& shard, QueueMember (C2sSession::*measure)() const) {
    QueueLook look;
    shard.for_each_session([&](Session& session) {
        if (const auto* ours = dynamic_cast<const C2sSession*>(&session)) look.add((ours->*measure)(), session.jid().str());
    });
    return look;
}

QueueSpec of_sessions(Shard& shard, std::string name, std::string unit, QueueMember (C2sSession::*measure)() const) {
    return {.name = std::move(name), .unit = std::move(unit), .kind = QueueKind::queue, .where = {}, .counts = nullptr,
            .look = [&shard, measure] { return look_at_sessions(shard, measure); }};
}

}  // namespace

void C2s::declare_queues() {
    QueueBoard& board = shard_.queues();
    QueueSpec unacknowledged = of_sessions(shard_, "unacknowledged", "stanzas", &C2sSession::unacknowledged);
    unacknowledged.counts = [this] { return shard_.flows().unacknowledged; };
    board.add(std::move(unacknowledged));
    QueueSpec bytes = of_sessions(shard_, "unacknowledged_bytes", "bytes", &C2sSession::unacknowledged_bytes);
    bytes.counts = [this] { return shard_.flows().unacknowledged_bytes; };
    board.add(std::move(bytes));
    QueueSpec output = of_sessions(shard_, "output", "bytes", &C2sSession::output);
    output.counts = [this] { return loop().queues().output; };
    board.add(std::move(output));
    board.add({.name = "client_backlog", .unit = "bytes", .kind = QueueKind::queue, .where = {},
               .counts = [this] { return backlog_counts(); }, .look = [this] { return backlog(); }});
    board.add({.name = "strangers", .unit = "connections", .kind = QueueKind::pool, .where = {},
               .counts = [this] { return counts_of(strangers_met_, strangers_.size(), strangers_refused_); },
               .look = [this] {
                   QueueLook look;
                   for (const auto& [address, count] : strangers_by_address_)
                       look.add({count, limits_.max_strangers_per_address}, address.to_string());
                   look.bound = limits_.max_strangers_per_address;
                   return look;
               }});
    board.add({.name = "logins", .unit = "logins", .kind = QueueKind::queue, .where = {},
               .counts = [this] { return logins_.counts(); }, .look = [this] { return logins_.now(); }});
    board.add({.name = "networks", .unit = "networks", .kind = QueueKind::pool, .where = {},
               .counts = [this] { return networks_.counts(); }, .look = [this] { return networks_.now(); }});
    board.add({.name = "parsers", .unit = "parsers", .kind = QueueKind::pool, .where = {},
               .counts = [this] { return counts_of(parsers_.ever_lent(), parsers_.lent(), parsers_.refused()); },
               .look = [this] { return QueueMember{parsers_.lent(), parsers_.max_lent()}; }});
    board.add({.name = "password_cache", .unit = "accounts", .kind = QueueKind::cache, .where = {},
               .counts = [this] { return counts_of(plain_cache_.remembered(), plain_cache_.size()); },
               .look = [this] { return QueueMember{plain_cache_.size(), plain_cache_.max_size()}; }});
    board.add({.name = "ended_sessions", .unit = "sessions", .kind = QueueKind::cache, .where = {},
               .counts = [this] { return counts_of(resumptions_.ever_remembered(), resumptions_.ended().size()); },
               .look = [this] { return QueueMember{resumptions_.ended().size(), Resumptions::max_remembered}; }});
}

}  // namespace rookery
