#include "storage/stores.h"

namespace rookery {

Storage::Storage(std::unique_ptr<Database> database)
    : database_(std::move(database)),
      accounts_(*database_),
      roster_(*database_),
      documents_(*database_),
      log_(*database_),
      archive_(*database_) {}

std::unique_ptr<Storage> open_sqlite(std::string path) { return open_sqlite(SqliteOptions(std::move(path))); }

std::unique_ptr<Storage> open_sqlite(SqliteOptions options) {
    return std::make_unique<Storage>(open_sqlite_database(std::move(options)));
}

std::unique_ptr<Storage> open_postgres(PostgresOptions options) {
    return std::make_unique<Storage>(open_postgres_database(std::move(options)));
}

std::unique_ptr<Storage> open_storage(StorageOptions options) {
    if (auto* sqlite = std::get_if<SqliteOptions>(&options)) return open_sqlite(std::move(*sqlite));
    return open_postgres(std::move(std::get<PostgresOptions>(options)));
}

std::unique_ptr<Storage> open_memory(const Clock& clock) {
    return std::make_unique<Storage>(open_memory_database(clock));
}

std::string describe(const StorageOptions& options) {
    if (const auto* sqlite = std::get_if<SqliteOptions>(&options)) return "SQLite, " + sqlite->path;
    return "PostgreSQL, " + describe(std::get<PostgresOptions>(options));
}

}  // namespace rookery
