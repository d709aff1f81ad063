// LogSweeper: takes out of the log what nobody needs any longer: messages that no archive keeps, that were received, and
// that are too old to be sent a second time by mistake (LogStore::duplicate_window). One for all accounts, on one shard,
// in small slices, so that nobody waits for it.
#pragma once

#include "base/loop.h"
#include "base/task.h"
#include "storage/log_store.h"

namespace rookery {

class LogSweeper {
public:
    // Both outlive it. Any thread; it works on the loop's.
    LogSweeper(LogStore& log, Loop& loop);
    LogSweeper(const LogSweeper&) = delete;
    LogSweeper& operator=(const LogSweeper&) = delete;

    static constexpr Duration period = std::chrono::minutes(10);
    static constexpr Milliseconds between_slices{100};

private:
    void plan();
    Task<void> sweep();

    LogStore& log_;
    Loop& loop_;
};

}  // namespace rookery
