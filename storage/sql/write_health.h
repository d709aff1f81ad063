// What is known of an engine's writes: kept by its writer thread, read by any. And the bounds of its groups.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "storage/sql/database.h"
#include "storage/sql/job_queue.h"

namespace rookery {

constexpr std::size_t max_batch_calls = 500;  // that are committed together
constexpr std::size_t max_batch_bytes = 8u << 20;

class WriteHealth {
public:
    // Around the transaction of a group, on the writer thread; `end` before anybody hears the answer.
    void begin(const std::vector<Job>& batch);
    void end(const Result<std::vector<Answer>>& result, std::size_t calls);

    // Fills what it knows in; calls that are in work wait, too.
    void fill(DatabaseGauges& gauges) const;
    std::optional<StorageTrouble> trouble() const;

private:
    void note_health(bool healthy, const std::string& why);

    SteadyTime begun_;
    std::atomic<std::uint64_t> commits_ = 0;
    std::atomic<std::uint64_t> writes_ = 0;
    std::atomic<std::uint64_t> failures_ = 0;
    std::atomic<Duration> longest_commit_ = Duration(0);
    std::atomic<bool> healthy_ = true;
    std::atomic<std::size_t> calls_in_work_ = 0;
    std::atomic<SteadyTime> oldest_in_work_ = SteadyTime();
    mutable std::mutex trouble_mutex_;
    std::optional<StorageTrouble> trouble_;
};

// Answers every job of a group; an error is everybody's.
void answer_all(std::vector<Job> batch, Result<std::vector<Answer>> result);

}  // namespace rookery
