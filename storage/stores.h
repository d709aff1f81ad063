// All stores over one database, and the ways to open it.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "storage/account_store.h"
#include "storage/archive_store.h"
#include "storage/document_store.h"
#include "storage/log_store.h"
#include "storage/roster_store.h"
#include "storage/sql/postgres_database.h"
#include "storage/sql/sqlite_database.h"

namespace rookery {

struct Stores {  // what core and modules are handed; the Storage it came from outlives them
    AccountStore& accounts;
    RosterStore& roster;
    DocumentStore& documents;
    LogStore& log;
    ArchiveStore& archive;
};

// Owns the database and its stores. Destroyed after everything that uses it and before the loops.
class Storage {
public:
    explicit Storage(std::unique_ptr<Database> database);
    Storage(const Storage&) = delete;
    Storage& operator=(const Storage&) = delete;

    Stores stores() { return Stores{accounts_, roster_, documents_, log_, archive_}; }
    DatabaseGauges gauges() const { return database_->gauges(); }
    Database& database() { return *database_; }

private:
    std::unique_ptr<Database> database_;
    AccountStore accounts_;
    RosterStore roster_;
    DocumentStore documents_;
    LogStore log_;
    ArchiveStore archive_;
};

// Where data is.
using StorageOptions = std::variant<SqliteOptions, PostgresOptions>;

// Throw std::runtime_error with one clear line when it cannot be opened (sqlite_database.h, postgres_database.h).
std::unique_ptr<Storage> open_sqlite(std::string path);
std::unique_ptr<Storage> open_sqlite(SqliteOptions options);
std::unique_ptr<Storage> open_postgres(PostgresOptions options);
std::unique_ptr<Storage> open_storage(StorageOptions options);
std::unique_ptr<Storage> open_memory(const Clock& clock = system_clock());

// "SQLite, FILE" or "PostgreSQL, SERVER:PORT/DATABASE"; nothing secret.
std::string describe(const StorageOptions& options);

}  // namespace rookery
