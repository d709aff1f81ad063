// What the engines with threads of their own share: the queues in front of them, and how calls get in and are counted.
#pragma once

#include <atomic>
#include <vector>

#include "base/stamped_id.h"
#include "storage/sql/database.h"
#include "storage/sql/job_queue.h"
#include "storage/sql/write_health.h"

namespace rookery {

// The lane of the ids that an engine makes (NewId); shards have the lower ones.
constexpr unsigned lane_of_log = StampedIds::max_lanes - 1;

class QueuedDatabase : public Database {
public:
    Task<Result<std::vector<Rows>>> read(std::vector<Statement> statements) override;
    Task<Result<std::vector<WriteOutcome>>> write(std::vector<Statement> statements) override;
    DatabaseGauges gauges() const override;
    std::optional<StorageTrouble> trouble() const override { return health().trouble(); }

protected:
    // Bounds for reads and writes each; past them: ErrorCode::unavailable.
    QueuedDatabase(std::size_t max_calls, std::size_t max_bytes)
        : writes_(max_calls, max_bytes), reads_(max_calls, max_bytes) {}

    virtual const WriteHealth& health() const = 0;
    void answer_read(Job job, Answer answer);

    JobQueue writes_;
    JobQueue reads_;

private:
    Task<Answer> ask(JobQueue& queue, Rank rank, std::vector<Statement> statements);

    std::atomic<std::uint64_t> refused_ = 0;
    std::atomic<std::uint64_t> reads_done_ = 0;
    std::atomic<std::uint64_t> read_failures_ = 0;
};

Result<std::vector<Rows>> rows_of(Answer answer);
Error holds_nul();

}  // namespace rookery
