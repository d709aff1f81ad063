// What can fill up on a shard, as far as core has it (base/queue_board.h). docs/queues.md says what each means.
#include "core/delivery_ledger.h"
#include "core/shard.h"

namespace rookery {

void Shard::declare_queues() {
    queues_.add({.name = "account_queue", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return flows_.waiting; }, .look = [this] { return look_at_waiting(); }});
    queues_.add({.name = "ring_overflow", .unit = "stanzas", .kind = QueueKind::queue, .where = {},
                 .counts = [this] { return flows_.parked; }, .look = [this] { return QueueMember{parked_count_}; }});
    queues_.add({.name = "unsettled", .unit = "stanzas", .kind = QueueKind::queue, .where = {}, .counts = nullptr,
                 .look = [this] { return look_at_unsettled(); }});
    queues_.add({.name = "undelivered", .unit = "messages", .kind = QueueKind::queue, .where = {}, .counts = nullptr,
                 .look = [this] { return look_at_undelivered(); }});
    queues_.add({.name = "account_cache", .unit = "accounts", .kind = QueueKind::cache, .where = {}, .counts = nullptr,
                 .look = [this] { return QueueMember{idle_.size(), options_.max_cached_accounts}; }});
    queues_.add({.name = "roster_cache", .unit = "rosters", .kind = QueueKind::cache, .where = {}, .counts = nullptr,
                 .look = [this] { return QueueMember{rosters_.size(), options_.max_cached_rosters}; }});
}

QueueLook Shard::look_at_waiting() const {
    const SteadyTime now = loop_.clock().steady_now();
    QueueLook look;
    for (const std::unique_ptr<Host>& host : hosts_) look.add({0, host->options().max_waiting}, {});
    for (const auto& [bare, account] : accounts_) look.add(account->waiting(now), bare);
    router_.look_at_loading(look);
    return look;
}

QueueLook Shard::look_at_unsettled() const {
    QueueLook look(QueueMember{0, Session::max_open});
    for_each_session([&look](const Session& session) {
        look.add({session.issued() - session.settled(), Session::max_open}, session.jid().str());
    });
    return look;
}

QueueLook Shard::look_at_undelivered() const {
    QueueLook look;
    for (const auto& [bare, account] : accounts_)
        if (const DeliveryLedger* ledger = account->slots().find<DeliveryLedger>()) look.add({ledger->messages()}, bare);
    return look;
}

void Shard::watch_queues() {
    queues_.sample(loop_.clock().steady_now());
    loop_.after(Seconds(1), [this] { watch_queues(); });
}

}  // namespace rookery
