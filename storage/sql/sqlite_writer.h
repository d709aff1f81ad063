// Commits calls in groups. SqliteDatabase runs it on the writer thread; the database in memory calls commit() itself.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/sql/job_queue.h"
#include "storage/sql/sqlite_connection.h"
#include "storage/sql/write_health.h"

namespace rookery {

// All statements of one call, as one unit inside or outside a transaction: all or none.
Answer run_call(SqliteConnection& connection, const std::vector<Statement>& statements);

class SqliteWriter {
public:
    using Connection = std::unique_ptr<SqliteConnection>;
    using Reopen = std::function<Result<Connection>()>;

    SqliteWriter(Connection connection, Reopen reopen)
        : connection_(std::move(connection)), reopen_(std::move(reopen)) {}

    // Until the queue is closed and empty: commits whatever queued up during the previous commit.
    void run(JobQueue& queue);
    // From now on nothing is written: every call gets this error. Any thread, once.
    void refuse_all(std::string why);
    // One transaction for all; a call that fails is undone alone. Answers every job.
    void commit(std::vector<Job> batch);

    SqliteConnection& connection() { return *connection_; }
    const WriteHealth& health() const { return health_; }

private:
    Result<std::vector<Answer>> run_transaction(const std::vector<Job>& batch);
    Result<void> ensure_usable();

    Connection connection_;
    Reopen reopen_;
    WriteHealth health_;
    std::string refusal_;  // read when refuses_ is set
    std::atomic<bool> refuses_ = false;
};

}  // namespace rookery
