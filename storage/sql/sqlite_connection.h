// One SQLite connection and its prepared statements, used by one thread at a time. Errors are values.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "base/stamped_id.h"
#include "storage/sql/schema.h"
#include "storage/sql/sqlite_database.h"

struct sqlite3;
struct sqlite3_stmt;

namespace rookery {

class SqliteConnection final : public SchemaTarget {
public:
    enum class Role { writer, reader };  // a reader cannot change anything

    static Result<std::unique_ptr<SqliteConnection>> open(const SqliteOptions& options, Role role);
    static Result<std::unique_ptr<SqliteConnection>> open_memory();
    // A file that is only looked at, beside a server that may be using it.
    static Result<std::unique_ptr<SqliteConnection>> open_to_read(const std::string& path);
    // An empty file to fill, which counts for nothing until it is full: unsafe and fast.
    static Result<std::unique_ptr<SqliteConnection>> open_to_fill(const std::string& path);

    Result<WriteOutcome> run(const Statement& statement) override;
    Result<WriteOutcome> run(Sql sql) { return run(Statement(sql)); }

    // From now on it can make ids (NewId), above all that the tables know. REQUIRES: the tables are there.
    Result<void> start_ids(const Clock& clock, unsigned lane);

    bool in_transaction() const;
    // An I/O error or damage was met: this connection is not to be used any more.
    bool broken() const { return broken_; }

    // The file was removed, renamed or replaced: what is written now would be lost with it.
    bool moved() const;

    // `PRAGMA quick_check` for at most `budget`, or until it is to stop; an error if the file is damaged. True: it was
    // checked to the end.
    Result<bool> check(Milliseconds budget, std::stop_token stop = {});

    Result<bool> is_empty() override;
    Result<bool> has_meta() override;
    Result<void> apply(const Migration& migration) override;
    Result<void> take_over(const Migration& migration) override;

private:
    struct CloseConnection {
        void operator()(sqlite3* handle) const;
    };
    struct FinalizeStatement {
        void operator()(sqlite3_stmt* statement) const;
    };
    using Prepared = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

    SqliteConnection() = default;
    static Result<std::unique_ptr<SqliteConnection>> open(const char* path, int flags);
    Result<void> configure(const SqliteOptions& options, Role role);
    Result<void> use_write_ahead_log();
    Result<void> run_script(const char* text);
    Result<sqlite3_stmt*> prepare(const char* sql);
    Result<void> bind(sqlite3_stmt* prepared, const Statement& statement, NewIds& new_ids);
    Result<Rows> step_all(sqlite3_stmt* statement);
    Error failure(int code);  // of the last call, in our words; notes whether the connection is broken

    std::unique_ptr<sqlite3, CloseConnection> handle_;
    // By the address of the literal: the number of texts in the program is the bound.
    std::unordered_map<const char*, Prepared> prepared_;
    std::optional<StampedIds> ids_;
    bool broken_ = false;
};

}  // namespace rookery
