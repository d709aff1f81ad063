// SQLite behind Database: one writer thread that commits whatever queued up during the previous commit, or in a crowd
// during 4 ms (docs/storage.md), and a few reader threads with connections of their own (WAL: they never wait for it).
//
// When the disk is full or fails, calls answer ErrorCode::storage, reads go on, and writing resumes with the first
// commit that succeeds; after an I/O error the connection is closed and opened again before the next commit. A file that is
// larger than a beginner's is checked for damage while it is in use; once some is found nothing is written any more.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "storage/sql/database.h"

namespace rookery {

enum class Durability {
    full,     // an answered write survives power loss (if the disk honours flushes)
    process,  // it survives kill -9 of this program, not power loss
};

struct SqliteOptions {
    std::string path;
    Durability durability = Durability::full;
    std::size_t reader_threads = 2;
    std::size_t max_waiting_calls = 10'000;     // reads and writes each; past it: ErrorCode::unavailable
    std::size_t max_waiting_bytes = 64u << 20;  // of the values of waiting writes
    Milliseconds busy_timeout{5'000};           // for other programs that lock the file (a backup)
    Milliseconds check_budget{10'000};          // how long the check for damage at start may take
    std::size_t checked_first = 1u << 20;       // a larger file is checked while it is in use
    const Clock* clock = &system_clock();       // stamps ids; outlives the database
    // The lock of the program whose place this one takes: it is at rest, and had the file checked when it started.
    int inherited_lock = -1;

    explicit SqliteOptions(std::string file) : path(std::move(file)) {}
};

// Opens or creates the file, checks it, migrates it (schema.h) and starts the threads. One process at a time: held by
// a lock on `path.lock`. Throws std::runtime_error with one line that names the path and the cause: directory missing
// or not writable, in use, damaged, not a database, schema too new (both versions named).
std::unique_ptr<Database> open_sqlite_database(SqliteOptions options);

// Can this program use the file, whoever has it? Throws as above. Changes nothing.
void look_at_sqlite(const SqliteOptions& options);

// The same in memory: one connection, no threads. A call is executed at once on the calling thread; its answer comes
// through Loop::post where there is a loop (so code suspends as it will in production), else directly.
std::unique_ptr<Database> open_memory_database(const Clock& clock = system_clock());

}  // namespace rookery
