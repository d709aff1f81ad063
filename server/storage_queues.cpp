#include "server/storage_queues.h"

#include "storage/sql/database.h"

namespace rookery {
namespace {

std::optional<Duration> age(std::size_t waiting, Duration oldest) {
    return waiting > 0 ? std::optional(oldest) : std::nullopt;
}

QueueSpec of_database(const Database& database, std::string name, std::string unit, QueueCounts DatabaseGauges::*counts,
                      QueueMember (*look)(const DatabaseGauges&)) {
    return {.name = std::move(name), .unit = std::move(unit), .kind = QueueKind::queue, .where = "process",
            .counts = [&database, counts] { return database.gauges().*counts; },
            .look = [&database, look] { return look(database.gauges()); }};
}

}  // namespace

void declare_storage_queues(QueueBoard& board, const Database& database) {
    board.add(of_database(database, "storage_writes", "calls", &DatabaseGauges::write_calls, [](const DatabaseGauges& now) {
        return QueueMember{now.writes_waiting, now.max_waiting, age(now.writes_waiting, now.oldest_wait)};
    }));
    board.add(of_database(database, "storage_write_bytes", "bytes", &DatabaseGauges::write_bytes, [](const DatabaseGauges& now) {
        return QueueMember{now.write_bytes_waiting, now.max_write_bytes, age(now.writes_waiting, now.oldest_wait)};
    }));
    board.add(of_database(database, "storage_reads", "calls", &DatabaseGauges::read_calls, [](const DatabaseGauges& now) {
        return QueueMember{now.reads_waiting, now.max_waiting, age(now.reads_waiting, now.oldest_read_wait)};
    }));
}

}  // namespace rookery
