// Commits calls in groups. SqliteDatabase runs it on the writer thread; the database in memory calls commit() itself.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "storage/sql/database.h"
#include "storage/sql/job_queue.h"
#include "storage/sql/sqlite_connection.h"

namespace rookery {

// All statements of one call, as one unit inside or outside a transaction: all or none.
Answer run_call(SqliteConnection& connection, const std::vector<Statement>& statements);

struct WriterGauges {  // written by the writer, read by any thread
    std::atomic<std::uint64_t> commits = 0;
    std::atomic<std::uint64_t> writes = 0;
    std::atomic<std::uint64_t> failures = 0;
    std::atomic<Duration> longest_commit = Duration(0);
    std::atomic<bool> healthy = true;
    std::atomic<std::size_t> calls_in_work = 0;
    std::atomic<SteadyTime> oldest_in_work = SteadyTime();
};

class SqliteWriter {
public:
    using Connection = std::unique_ptr<SqliteConnection>;
    using Reopen = std::function<Result<Connection>()>;

    SqliteWriter(Connection connection, Reopen reopen)
        : connection_(std::move(connection)), reopen_(std::move(reopen)) {}

    // Until the queue is closed and empty: commits whatever queued up during the previous commit.
    void run(JobQueue& queue);
    // One transaction for all; a call that fails is undone alone. Answers every job.
    void commit(std::vector<Job> batch);

    SqliteConnection& connection() { return *connection_; }
    const WriterGauges& gauges() const { return gauges_; }
    std::optional<StorageTrouble> trouble() const;  // any thread

    static constexpr std::size_t max_batch_calls = 500;
    static constexpr std::size_t max_batch_bytes = 8u << 20;

private:
    Result<std::vector<Answer>> run_transaction(const std::vector<Job>& batch);
    Result<void> ensure_usable();
    void note(const Result<std::vector<Answer>>& result, std::size_t calls, Duration took);
    void note_health(bool healthy, const std::string& why);

    Connection connection_;
    Reopen reopen_;
    WriterGauges gauges_;
    mutable std::mutex trouble_mutex_;
    std::optional<StorageTrouble> trouble_;
};

}  // namespace rookery
