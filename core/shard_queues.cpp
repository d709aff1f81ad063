// What can fill up on a shard, as far as core has it (base/queue_board.h). docs/queues.md says what each means.
#include <algorithm>

#include "base/stamped_id.h"
#include "core/delivery_ledger.h"
#include "core/services/offline_limit.h"
#include "core/shard.h"

namespace rookery {
namespace {

QueueMember undelivered_of(const Account& account, const DeliveryLedger& ledger, WallTime now) {
    QueueMember member{ledger.messages()};
    const OfflineLimit* limit = account.host().slots().find<OfflineLimit>();
    if (limit && account.sessions().empty()) member.bound = limit->messages(account.jid());  // sessions have bounds of their own
    if (const std::optional<std::uint64_t> oldest = ledger.oldest())
        member.oldest = std::max(Duration(0), std::chrono::duration_cast<Duration>(now - stamped_id_time(*oldest)));
    return member;
}

}  // namespace

void Shard::declare_queues() {
    queues_.add({.name = "account_queue", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return flows_.waiting; }, .look = [this] { return look_at_waiting(); }});
    queues_.add({.name = "ring_overflow", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return flows_.parked; }, .look = [this] { return QueueMember{parked_count_, options_.max_parked}; }});
    queues_.add({.name = "posts", .unit = "callbacks", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return loop_.queues().posts; }, .look = [this] { return loop_.queues().posted; }});
    queues_.add({.name = "unsettled", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return flows_.unsettled; }, .look = [this] { return look_at_unsettled(); }});
    queues_.add({.name = "undelivered", .unit = "messages", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return flows_.undelivered; }, .look = [this] { return look_at_undelivered(); }});
    queues_.add({.name = "account_cache", .unit = "accounts", .kind = QueueKind::cache, .where = {},
                 .counts = [this] { return counts_of(flows_.cached_accounts, idle_.size()); },
                 .look = [this] { return QueueMember{idle_.size(), options_.max_cached_accounts}; }});
    queues_.add({.name = "roster_cache", .unit = "rosters", .kind = QueueKind::cache, .where = {},
                 .counts = [this] { return counts_of(flows_.cached_rosters, rosters_.size()); },
                 .look = [this] { return QueueMember{rosters_.size(), options_.max_cached_rosters}; }});
}

QueueLook Shard::look_at_waiting() const {
    const SteadyTime now = loop_.clock().steady_now();
    QueueLook look;
    for (const std::unique_ptr<Host>& host : hosts_) look.add({0, host->options().max_waiting}, {});
    for (const AccountPtr& account : accounts_) look.add(account->waiting(now), account->jid().str());
    router_.look_at_loading(look);
    return look;
}

QueueLook Shard::look_at_unsettled() const {
    const SteadyTime now = loop_.clock().steady_now();
    QueueLook look(QueueMember{0, Session::max_open});
    for_each_session([&](const Session& session) {
        look.add({session.issued() - session.settled(), Session::max_open, session.open_for(now)}, session.jid().str());
    });
    return look;
}

QueueLook Shard::look_at_undelivered() const {
    const WallTime now = loop_.clock().wall_now();
    QueueLook look;
    for (const AccountPtr& account : accounts_) {
        const DeliveryLedger* ledger = account->slots().find<DeliveryLedger>();
        if (ledger && ledger->messages() > 0) look.add(undelivered_of(*account, *ledger, now), account->jid().str());
    }
    return look;
}

void Shard::watch_queues() {
    queues_.sample(loop_.clock().steady_now());
    loop_.after(Seconds(1), [this] { watch_queues(); });
}

}  // namespace rookery
