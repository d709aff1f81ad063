// Commits calls in groups on the one connection that writes; PostgresLink, a connection that comes back.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/sql/job_queue.h"
#include "storage/sql/postgres_connection.h"
#include "storage/sql/write_health.h"

namespace rookery {

// Opened when it is needed, after pauses that grow while the server is away. For one thread.
class PostgresLink {
public:
    using Role = PostgresConnection::Role;

    // Both outlive it.
    PostgresLink(const PostgresOptions& options, Role role, const StopSignal& stop)
        : options_(options), role_(role), stop_(stop) {}

    // One that was not broken when it was last used. An error (unavailable): there was none until then, which is known
    // after one attempt or, while the server is away, from the last one.
    Result<PostgresConnection*> get(SteadyTime until);
    // One attempt, now.
    Result<PostgresConnection*> open();

private:
    bool wait_until(SteadyTime time) const;  // false: closing

    const PostgresOptions& options_;
    const Role role_;
    const StopSignal& stop_;
    std::unique_ptr<PostgresConnection> connection_;
    SteadyTime next_attempt_;
    Milliseconds pause_{0};
    std::string why_;  // the last attempt failed
};

class PostgresWriter {
public:
    PostgresWriter(const PostgresOptions& options, const StopSignal& stop)
        : options_(options), link_(options, PostgresConnection::Role::writer, stop) {}

    // Before run(): connects, migrates, and learns which ids there are.
    Result<void> start();

    // Until the queue is closed and empty: commits whatever queued up during the previous commit.
    void run(JobQueue& queue);

    const WriteHealth& health() const { return health_; }

private:
    void commit(std::vector<Job> batch);
    Result<std::vector<Answer>> run_transaction(const std::vector<Job>& batch);
    Result<PostgresConnection*> usable(SteadyTime until);
    Result<void> start_ids(PostgresConnection& connection);

    const PostgresOptions& options_;
    PostgresLink link_;
    std::optional<StampedIds> ids_;
    WriteHealth health_;
};

// A call that only reads: one moment for all its statements, in one round trip.
Answer run_read(PostgresConnection& connection, const std::vector<Statement>& statements);

}  // namespace rookery
