#include "storage/sql/sqlite_connection.h"

#include <sqlite3.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace rookery {
namespace {

constexpr int writer_cache_kib = 4 * 1024;
constexpr int reader_cache_kib = 64;              // of each reader: every commit empties it; the kernel's page cache has all
constexpr int reading_busy_ms = 5'000;
constexpr int checkpoint_pages = 16'000;          // the write-ahead log is written back past 64 MB: the more pages
                                                // are written again meanwhile, the fewer there are to write back ...
constexpr int kept_log_bytes = 64 * 1024 * 1024;  // ... and cut to this size if a burst made it larger

std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
}

int bind_value(sqlite3_stmt* statement, int position, const SqlValue& value) {
    if (const std::int64_t* number = value.if_integer()) return sqlite3_bind_int64(statement, position, *number);
    if (const std::string* text = value.if_text()) {
        return sqlite3_bind_text64(statement, position, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    }
    if (const Blob* blob = value.if_blob()) {
        return sqlite3_bind_blob64(statement, position, blob->bytes.data(), blob->bytes.size(), SQLITE_STATIC);
    }
    return sqlite3_bind_null(statement, position);
}

std::string bytes_of(const void* data, int size) {
    return data ? std::string(static_cast<const char*>(data), static_cast<std::size_t>(size)) : std::string();
}

SqlValue column(sqlite3_stmt* statement, int index) {
    switch (sqlite3_column_type(statement, index)) {
        case SQLITE_NULL:
            return SqlValue();
        case SQLITE_INTEGER:
            return SqlValue(sqlite3_column_int64(statement, index));
        case SQLITE_BLOB: {
            const void* data = sqlite3_column_blob(statement, index);
            return SqlValue(Blob(bytes_of(data, sqlite3_column_bytes(statement, index))));
        }
        default: {
            const void* data = sqlite3_column_text(statement, index);
            return SqlValue(bytes_of(data, sqlite3_column_bytes(statement, index)));
        }
    }
}

ErrorCode error_code(int extended) {
    switch (extended & 0xff) {
        case SQLITE_CONSTRAINT:
            if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY ||
                extended == SQLITE_CONSTRAINT_ROWID) {
                return ErrorCode::conflict;
            }
            return extended == SQLITE_CONSTRAINT_FOREIGNKEY ? ErrorCode::not_found : ErrorCode::invalid;
        case SQLITE_TOOBIG:
        case SQLITE_MISMATCH:
            return ErrorCode::invalid;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_INTERRUPT:  // TimeLimit
            return ErrorCode::unavailable;
        default:
            return ErrorCode::storage;
    }
}

bool breaks_connection(int extended) {
    switch (extended & 0xff) {
        case SQLITE_IOERR:
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_CANTOPEN:
        case SQLITE_PROTOCOL:
        case SQLITE_READONLY:
            return true;
        default:
            return false;
    }
}

// Interrupts what runs on a connection once the time is up, unless it is destroyed before.
class Deadline {
public:
    Deadline(sqlite3* handle, Milliseconds after, std::stop_token stop)
        : thread_([=, this] { wait(handle, after, stop); }) {}
    ~Deadline() {
        {
            std::lock_guard lock(mutex_);
            cancelled_ = true;
        }
        changed_.notify_one();
        thread_.join();
    }

private:
    // Again and again: what was not running yet is not interrupted.
    void wait(sqlite3* handle, Milliseconds after, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        const auto cancelled = [&] { return cancelled_; };
        if (changed_.wait_for(lock, stop, after, cancelled)) return;
        do sqlite3_interrupt(handle);
        while (!changed_.wait_for(lock, Milliseconds(10), cancelled));
    }

    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool cancelled_ = false;
    std::thread thread_;
};

// Ends what runs on a connection meanwhile once the time is up (Statement::within). Costs a look at the clock now and
// then, and no thread.
class TimeLimit {
public:
    TimeLimit(sqlite3* handle, std::optional<Milliseconds> limit) : handle_(limit ? handle : nullptr) {
        if (!handle_) return;
        until_ = SteadyTime::clock::now() + *limit;
        sqlite3_progress_handler(handle_, steps_between_looks, &is_over, this);
    }
    ~TimeLimit() {
        if (handle_) sqlite3_progress_handler(handle_, 0, nullptr, nullptr);
    }
    TimeLimit(const TimeLimit&) = delete;
    TimeLimit& operator=(const TimeLimit&) = delete;

private:
    static constexpr int steps_between_looks = 1'000;  // of SQLite's machine: some 20 us
    static int is_over(void* self) { return SteadyTime::clock::now() >= static_cast<TimeLimit*>(self)->until_ ? 1 : 0; }

    sqlite3* handle_;
    SteadyTime until_;
};

}  // namespace

void SqliteConnection::CloseConnection::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
void SqliteConnection::FinalizeStatement::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const char* path, int flags) {
    std::unique_ptr<SqliteConnection> connection(new SqliteConnection);
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    connection->handle_.reset(handle);
    if (!handle) return Error(ErrorCode::storage, "out of memory");
    if (code == SQLITE_OK) return connection;
    std::string why = sqlite3_errmsg(handle);
    if (const int system = sqlite3_system_errno(handle)) why += std::string(": ") + std::strerror(system);
    return Error(ErrorCode::storage, std::move(why));
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const SqliteOptions& options, Role role) {
    auto connection = open(options.path.c_str(), SQLITE_OPEN_READWRITE);
    if (!connection) return connection;
    if (auto configured = (*connection)->configure(options, role); !configured) return std::move(configured).error();
    return connection;
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open_memory() {
    auto connection = open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (!connection) return connection;
    if (auto configured = (*connection)->run_script("PRAGMA foreign_keys = ON"); !configured) {
        return std::move(configured).error();
    }
    return connection;
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open_to_read(const std::string& path) {
    auto connection = open(path.c_str(), SQLITE_OPEN_READONLY);
    if (connection) sqlite3_busy_timeout((*connection)->handle_.get(), reading_busy_ms);
    return connection;
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open_to_fill(const std::string& path) {
    auto connection = open(path.c_str(), SQLITE_OPEN_READWRITE);
    if (!connection) return connection;
    constexpr const char* settings = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON";
    if (auto configured = (*connection)->run_script(settings); !configured) return std::move(configured).error();
    return connection;
}

Result<void> SqliteConnection::configure(const SqliteOptions& options, Role role) {
    sqlite3_busy_timeout(handle_.get(), static_cast<int>(options.busy_timeout.count()));
    const bool writes = role == Role::writer;
    if (auto done = use_write_ahead_log(); !done) return done;
    const std::string wanted[] = {
        options.durability == Durability::full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
        "PRAGMA foreign_keys = ON",
        "PRAGMA trusted_schema = OFF",
        "PRAGMA cell_size_check = ON",
        "PRAGMA cache_size = -" + std::to_string(writes ? writer_cache_kib : reader_cache_kib),
        "PRAGMA wal_autocheckpoint = " + std::to_string(checkpoint_pages),
        "PRAGMA journal_size_limit = " + std::to_string(kept_log_bytes),
        writes ? "PRAGMA query_only = OFF" : "PRAGMA query_only = ON",
    };
    for (const std::string& text : wanted) {
        if (auto done = run_script(text.c_str()); !done) return done;
    }
    return {};
}

// A file system that cannot share memory between connections makes SQLite stay in another mode without an error.
Result<void> SqliteConnection::use_write_ahead_log() {
    Result<WriteOutcome> mode = run(Sql("PRAGMA journal_mode = WAL"));
    if (!mode) return std::move(mode).error();
    if (mode->rows.empty() || mode->rows.at(0, 0).text() != "wal") {
        return Error(ErrorCode::storage, "its file system does not support a write-ahead log");
    }
    return {};
}

// For settings and migrations only: constants and options of the program, without placeholders.
Result<void> SqliteConnection::run_script(const char* text) {
    const int code = sqlite3_exec(handle_.get(), text, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code);
    return {};
}

Error SqliteConnection::failure(int code) {
    if (breaks_connection(code)) broken_ = true;
    const char* kind = (code & 0xff) == SQLITE_CORRUPT ? "damaged: " : "";
    return Error(error_code(code), kind + one_line(sqlite3_errmsg(handle_.get())));
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

Result<sqlite3_stmt*> SqliteConnection::prepare(const char* sql) {
    if (auto found = prepared_.find(sql); found != prepared_.end()) return found->second.get();
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(handle_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) return failure(code);
    prepared_.emplace(sql, Prepared(statement));
    return statement;
}

Result<Rows> SqliteConnection::step_all(sqlite3_stmt* statement) {
    const int columns = sqlite3_column_count(statement);
    Rows rows(static_cast<std::size_t>(columns));
    for (;;) {
        const int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) return rows;
        if (code != SQLITE_ROW) return failure(code);
        for (int index = 0; index < columns; ++index) rows.add(column(statement, index));
    }
}

Result<void> SqliteConnection::bind(sqlite3_stmt* prepared, const Statement& statement, NewIds& new_ids) {
    int position = 0;
    for (const SqlValue& value : statement.values()) {
        if (value.is_new_id() && !ids_) return Error(ErrorCode::invalid, "ids are made in writes only");
        ++position;
        const int code = value.is_new_id() ? bind_value(prepared, position, SqlValue(new_ids.add(ids_->next())))
                                           : bind_value(prepared, position, value);
        if (code != SQLITE_OK) return failure(code);
    }
    return {};
}

Result<WriteOutcome> SqliteConnection::run(const Statement& statement) {
    Result<sqlite3_stmt*> prepared = prepare(statement.sql().sqlite());
    if (!prepared) return std::move(prepared).error();
    struct Reset {
        sqlite3_stmt* used;
        ~Reset() {
            sqlite3_reset(used);
            sqlite3_clear_bindings(used);  // they point into `statement`
        }
    } reset{*prepared};

    WriteOutcome outcome;
    if (Result<void> bound = bind(*prepared, statement, outcome.new_ids); !bound) return std::move(bound).error();
    const TimeLimit limit(handle_.get(), statement.limit());
    Result<Rows> rows = step_all(*prepared);
    if (!rows) return std::move(rows).error();
    outcome.rows = std::move(*rows);
    if (!sqlite3_stmt_readonly(*prepared)) outcome.changed = sqlite3_changes64(handle_.get());
    return outcome;
}

Result<bool> SqliteConnection::check(Milliseconds budget, std::stop_token stop) {
    Result<WriteOutcome> found = [&] {
        Deadline deadline(handle_.get(), budget, std::move(stop));
        return run(Sql("PRAGMA quick_check(1)"));
    }();
    if (!found && sqlite3_errcode(handle_.get()) == SQLITE_INTERRUPT) return false;
    if (!found) return std::move(found).error();
    const std::string verdict = found->rows.empty() ? "no answer" : found->rows.at(0, 0).text();
    if (verdict != "ok") return Error(ErrorCode::storage, "damaged: " + one_line(verdict));
    return true;
}

// A watermark may be above every message left: were the clock set back, new ones would count as delivered.
Result<void> SqliteConnection::start_ids(const Clock& clock, unsigned lane) {
    Result<WriteOutcome> found = run(
        Sql("SELECT (SELECT coalesce(max(id), 0) FROM log), "
            "(SELECT coalesce(max(delivered_through), 0) FROM log_mark)"));
    if (!found) return std::move(found).error();
    const std::int64_t last = std::max(found->rows.at(0, 0).integer(), found->rows.at(0, 1).integer());
    ids_.emplace(clock, lane, static_cast<std::uint64_t>(last));
    return {};
}

bool SqliteConnection::moved() const {
    int moved = 0;  // stays 0 for a database in memory
    (void)sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved != 0;
}

Result<bool> SqliteConnection::is_empty() {
    Result<WriteOutcome> found = run(Sql("SELECT count(*) FROM sqlite_master"));
    if (!found) return std::move(found).error();
    return found->rows.at(0, 0).integer() == 0;
}

Result<bool> SqliteConnection::has_meta() {
    Result<WriteOutcome> found = run(Sql("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'meta'"));
    if (!found) return std::move(found).error();
    return found->rows.at(0, 0).integer() > 0;
}

Result<void> SqliteConnection::apply(const Migration& migration) {
    return run_script(migration.sqlite);
}

Result<void> SqliteConnection::take_over(const Migration& migration) {
    if (!migration.sqlite_take_over) return {};
    return run_script(migration.sqlite_take_over);
}

}  // namespace rookery
