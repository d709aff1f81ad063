// What a shard's memory is used for, as far as core has it (core/memory_board.h).
#include "core/delivery_ledger.h"
#include "core/shard.h"

namespace rookery {
namespace {

constexpr std::size_t buckets_a_turn = 256;

std::size_t bytes_of_text(const Jid& jid) { return jid.str().size(); }

MemoryUse account_itself(Account& account) { return {1, sizeof(Account) + bytes_of_text(account.jid())}; }

MemoryUse marks_of_account(Account& account) { return {account.slots().count(), account.slots().bytes()}; }

MemoryUse marks_of_sessions(Account& account) {
    MemoryUse use;
    for (const SessionPtr& session : account.sessions()) use += {session->slots().count(), session->slots().bytes()};
    return use;
}

MemoryUse roster_of(Account& account) {
    const Roster* roster = account.roster();
    if (!roster) return {};
    std::size_t bytes = sizeof(Roster) + roster->items.capacity() * sizeof(RosterItem) + account.roster_bytes();
    for (const PendingRequest& request : roster->requests) bytes += sizeof request + request.stanza_xml.size();
    return {1, bytes};
}

MemoryUse undelivered_of(Account& account) {
    const DeliveryLedger* ledger = account.slots().find<DeliveryLedger>();
    return ledger ? MemoryUse{ledger->messages(), ledger->heap_bytes()} : MemoryUse();
}

}  // namespace

void Shard::declare_memory() {
    memory_.add({.name = "accounts", .of_account = account_itself});
    memory_.add({.name = "account_marks", .of_account = marks_of_account});
    memory_.add({.name = "session_marks", .of_account = marks_of_sessions});
    memory_.add({.name = "rosters", .of_account = roster_of});
    memory_.add({.name = "undelivered", .of_account = undelivered_of});
}

Task<std::vector<MemoryReport>> Shard::measure_memory() {
    std::size_t buckets = accounts_.bucket_count();
    std::vector<MemoryReport> reports = memory_.begin();
    for (std::size_t bucket = 0; bucket < buckets;) {
        for (auto at = accounts_.begin(bucket); at != accounts_.end(bucket); ++at) memory_.look_at(**at, reports);
        if (++bucket % buckets_a_turn != 0) continue;
        co_await next_turn(loop_);
        if (accounts_.bucket_count() == buckets) continue;
        buckets = accounts_.bucket_count();  // they lie in other buckets now: begin anew
        reports = memory_.begin();
        bucket = 0;
    }
    co_return reports;
}

}  // namespace rookery
