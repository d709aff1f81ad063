// The tables, as a list of migrations; each adds, none takes away, so that the previous release still works on the
// result and an upgrade can be undone. Table meta records what the file has and the oldest program that can use it.
#pragma once

#include <span>
#include <string>

#include "storage/sql/statement.h"

namespace rookery {

struct Migration {
    int schema;                  // the version the tables have afterwards; ascending by one
    const char* program;         // the Rookery release that brought it
    int oldest_schema;           // programs that know at least this schema can use the result ...
    const char* oldest_program;  // ... and this is the first of them
    const char* sqlite;          // DDL, in SQLite's words
    // Runs at every start, after all DDL: brings over what an older program wrote in its own way, at first and whenever
    // an upgrade was undone for a while. Null: nothing.
    const char* sqlite_take_over = nullptr;
    const char* postgres = nullptr;  // the same DDL in PostgreSQL's words; nothing had to be taken over there yet
};

std::span<const Migration> migrations();

// The engine, while the schema is looked at: synchronous, before there are threads.
class SchemaTarget {
public:
    virtual ~SchemaTarget() = default;
    virtual Result<WriteOutcome> run(const Statement& statement) = 0;
    virtual Result<void> run_each(const std::vector<Statement>& statements);  // up to the first that fails
    virtual Result<bool> is_empty() = 0;  // no tables at all
    virtual Result<bool> has_meta() = 0;
    virtual Result<void> apply(const Migration& migration) = 0;
    virtual Result<void> take_over(const Migration& migration) = 0;
};

// Brings the database to the newest of `known`, in one transaction: all or nothing. Refuses a database that is not
// ours, and one whose oldest schema is newer than what `known` knows, naming both versions.
Result<void> migrate(SchemaTarget& target, std::span<const Migration> known);

// Which schema the database has (0: it is empty). Refuses as migrate does, and changes nothing.
Result<int> usable_schema(SchemaTarget& target, std::span<const Migration> known);

}  // namespace rookery
