#include "server/storage_queues.h"

#include "storage/sql/database.h"

namespace rookery {

// Of calls; writes that are being committed wait, too.
void declare_storage_queues(QueueBoard& board, const Database& database) {
    const auto writes = [&database] {
        const DatabaseGauges now = database.gauges();
        const std::uint64_t done = now.writes + now.write_failures;
        return QueueCounts{done + now.writes_waiting, done, now.refused};
    };
    const auto look_at_writes = [&database] {
        const DatabaseGauges now = database.gauges();
        return QueueMember{now.writes_waiting, now.max_waiting, now.writes_waiting ? std::optional(now.oldest_wait) : std::nullopt};
    };
    const auto look_at_bytes = [&database] {
        const DatabaseGauges now = database.gauges();
        return QueueMember{now.write_bytes_waiting, now.max_write_bytes};
    };
    const auto reads = [&database] {
        const DatabaseGauges now = database.gauges();
        return QueueCounts{now.reads + now.reads_waiting, now.reads, now.refused};
    };
    const auto look_at_reads = [&database] {
        const DatabaseGauges now = database.gauges();
        return QueueMember{now.reads_waiting, now.max_waiting};
    };
    board.add({.name = "storage_writes", .unit = "calls", .kind = QueueKind::queue, .where = "process",
               .counts = writes, .look = look_at_writes});
    board.add({.name = "storage_write_bytes", .unit = "bytes", .kind = QueueKind::queue, .where = "process",
               .counts = nullptr, .look = look_at_bytes});
    board.add({.name = "storage_reads", .unit = "calls", .kind = QueueKind::queue, .where = "process",
               .counts = reads, .look = look_at_reads});
}

}  // namespace rookery
