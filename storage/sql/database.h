// Database: the one door to stored data. SQLite implements it (sqlite_database.h); PostgreSQL can.
//
// A call suspends its coroutine and resumes it on the Loop it was made from (Loop::current()), never inline. On a
// thread that has no loop (start-up, tools, tests) the call blocks that thread instead. Any thread may call. A task
// that is destroyed while it waits is forgotten; the write itself may still happen. Loops must outlive the Database:
// its destructor finishes what is queued and posts the answers.
//
// Errors, beside those of must_change:
//   conflict     a unique key exists already
//   not_found    a row refers to one that is gone (foreign key)
//   invalid      a text value holds a NUL, or a value breaks a check
//   unavailable  the queue is full (nothing was done), or another process holds the database, or a read took longer
//                than it may (Statement::within); try later
//   storage      the disk or the database failed: the call is not known to be done, never reported as done
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/queue_counts.h"
#include "base/task.h"
#include "storage/sql/statement.h"

namespace rookery {

// A snapshot for metrics and the admin. Counters only grow.
struct DatabaseGauges {
    std::size_t writes_waiting = 0;  // calls, not statements
    std::size_t write_bytes_waiting = 0;
    std::size_t reads_waiting = 0;
    std::size_t max_waiting = 0;        // calls, of reads and writes each; 0: they do not wait
    std::size_t max_write_bytes = 0;
    QueueCounts write_calls, write_bytes, read_calls;  // what came into these queues and left them
    Duration oldest_read_wait{0};
    Duration oldest_wait{0};     // how long the write that waits longest has waited
    Duration longest_commit{0};  // since start
    std::uint64_t commits = 0;
    std::uint64_t writes = 0;  // calls committed: writes / commits = calls per commit
    std::uint64_t reads = 0;
    std::uint64_t refused = 0;   // calls turned away because a queue was full
    std::uint64_t failures = 0;  // calls answered with ErrorCode::storage
    bool healthy = true;         // the last commit succeeded
};

// What people are told of a database that does not take writes.
struct StorageTrouble {
    WallTime since;     // of the first of the writes that failed without one between them that did not
    std::string error;  // of the latest
};

class Database {
public:
    virtual ~Database() = default;

    // Reads; all statements of one call see the same moment, and every write answered before the call.
    virtual Task<Result<std::vector<Rows>>> read(std::vector<Statement> statements) = 0;

    // Writes; all statements in one transaction, all or none, in order. When it answers, it is committed and safe
    // (docs/storage.md). Calls from one thread are committed, and answered, in the order they were made.
    virtual Task<Result<std::vector<WriteOutcome>>> write(std::vector<Statement> statements) = 0;

    virtual DatabaseGauges gauges() const = 0;  // any thread
    // nullopt: the last write succeeded, or there was none. Any thread.
    virtual std::optional<StorageTrouble> trouble() const = 0;

    // The descriptor whose lock keeps other programs away, for one that takes over (SqliteOptions::inherited_lock). -1:
    // there is none.
    virtual int lock_descriptor() const { return -1; }

    Task<Result<Rows>> query(Statement statement);           // read of one statement
    Task<Result<WriteOutcome>> change(Statement statement);  // write of one statement
};

}  // namespace rookery
