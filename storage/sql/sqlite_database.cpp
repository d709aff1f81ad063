#include "storage/sql/sqlite_database.h"

#include <filesystem>
#include <mutex>
#include <stop_token>
#include <thread>

#include "base/log.h"
#include "storage/sql/database_file.h"
#include "storage/sql/queued_database.h"
#include "storage/sql/sqlite_writer.h"

namespace rookery {
namespace {

using Connection = std::unique_ptr<SqliteConnection>;

// One moment for all statements of the call: a transaction that only reads.
Answer run_read(SqliteConnection& connection, const std::vector<Statement>& statements) {
    if (statements.size() == 1) return run_call(connection, statements);
    if (auto begun = connection.run(Sql("BEGIN")); !begun) return std::move(begun).error();
    Answer answer = run_call(connection, statements);
    if (connection.in_transaction()) (void)connection.run(Sql("COMMIT"));
    return answer;
}

// --- opening -------------------------------------------------------------------------------------------------------

Connection checked(Result<Connection> connection, const std::string& path) {
    if (!connection) refuse_database(path, connection.error().message);
    return std::move(*connection);
}

// Who takes over from a program that is at rest: that one had the file checked.
bool is_checked_first(const SqliteOptions& options) {
    return options.inherited_lock < 0 && std::filesystem::file_size(options.path) <= options.checked_first;
}

bool is_checked_in_use(const SqliteOptions& options) { return options.inherited_lock < 0 && !is_checked_first(options); }

void say_if_unfinished(bool whole, const SqliteOptions& options) {
    if (!whole) log_info("database_check_unfinished", {{"path", options.path}, {"after_ms", options.check_budget.count()}});
}

void check_for_damage(SqliteConnection& connection, const SqliteOptions& options) {
    Result<bool> whole = connection.check(options.check_budget);
    if (!whole) refuse_database(options.path, whole.error().message);
    say_if_unfinished(*whole, options);
}

void migrate_or_refuse(SqliteConnection& connection, const std::string& path) {
    if (auto migrated = migrate(connection, migrations()); !migrated) refuse_database(path, migrated.error().message);
}

Result<Connection> open_again(const SqliteOptions& options) {
    Result<Connection> opened = SqliteConnection::open(options, SqliteConnection::Role::writer);
    if (!opened) return opened;
    if (auto started = (*opened)->start_ids(*options.clock, lane_of_log); !started) return std::move(started).error();
    return opened;
}

void start_ids_or_refuse(SqliteConnection& connection, const Clock& clock, const std::string& path) {
    if (auto started = connection.start_ids(clock, lane_of_log); !started) refuse_database(path, started.error().message);
}

Connection open_writer(const SqliteOptions& options) {
    { FileDescriptor created = open_private(options.path, options.path); }
    sync_directory_of(options.path);
    Connection writer = checked(SqliteConnection::open(options, SqliteConnection::Role::writer), options.path);
    if (is_checked_first(options)) check_for_damage(*writer, options);
    migrate_or_refuse(*writer, options.path);
    start_ids_or_refuse(*writer, *options.clock, options.path);
    return writer;
}

// --- on disk -------------------------------------------------------------------------------------------------------

class SqliteDatabase final : public QueuedDatabase {
public:
    explicit SqliteDatabase(SqliteOptions options);
    ~SqliteDatabase() override;
    int lock_descriptor() const override { return lock_.get(); }

private:
    const WriteHealth& health() const override { return writer_.health(); }
    void serve_reads(Connection connection);
    void check_in_use(const std::stop_token& stop);
    Answer read_with(Connection& connection, const std::vector<Statement>& statements);

    const SqliteOptions options_;
    const FileDescriptor lock_;
    SqliteWriter writer_;
    std::vector<std::thread> threads_;
    std::jthread checker_;
};

SqliteDatabase::SqliteDatabase(SqliteOptions options)
    : QueuedDatabase(options.max_waiting_calls, options.max_waiting_bytes),
      options_(std::move(options)),
      lock_(options_.inherited_lock < 0 ? lock_database_file(options_.path) : FileDescriptor(options_.inherited_lock)),
      writer_(open_writer(options_), [this] { return open_again(options_); }) {
    std::vector<Connection> readers;
    for (std::size_t i = 0; i < options_.reader_threads; ++i) {
        readers.push_back(checked(SqliteConnection::open(options_, SqliteConnection::Role::reader), options_.path));
    }
    if (options_.durability == Durability::process) {
        log_warning("durability_process", {{"path", options_.path}, {"loses", "answered writes at power loss"}});
    }
    threads_.emplace_back([this] { writer_.run(writes_); });
    for (Connection& reader : readers) {
        threads_.emplace_back([this, reader = std::move(reader)]() mutable { serve_reads(std::move(reader)); });
    }
    if (is_checked_in_use(options_)) checker_ = std::jthread([this](const std::stop_token& stop) { check_in_use(stop); });
}

SqliteDatabase::~SqliteDatabase() {
    writes_.close();
    reads_.close();
    for (std::thread& thread : threads_) thread.join();
}

void SqliteDatabase::serve_reads(Connection connection) {
    for (;;) {
        std::vector<Job> jobs = reads_.take(1, options_.max_waiting_bytes);
        if (jobs.empty()) return;
        Answer answer = read_with(connection, jobs.front().statements);
        answer_read(std::move(jobs.front()), std::move(answer));
    }
}

void SqliteDatabase::check_in_use(const std::stop_token& stop) {
    Result<Connection> connection = SqliteConnection::open(options_, SqliteConnection::Role::reader);
    if (!connection) return;  // readers cannot open it either, and say so
    Result<bool> whole = (*connection)->check(options_.check_budget, stop);
    if (stop.stop_requested()) return;
    if (whole) return say_if_unfinished(*whole, options_);
    writer_.refuse_all(whole.error().message);
    log_error("database_damaged", {{"path", options_.path}, {"reason", whole.error().message}});
}

Answer SqliteDatabase::read_with(Connection& connection, const std::vector<Statement>& statements) {
    if (!connection || connection->broken()) {
        connection.reset();
        Result<Connection> opened = SqliteConnection::open(options_, SqliteConnection::Role::reader);
        if (!opened) return Error(ErrorCode::storage, "reopening: " + opened.error().message);
        connection = std::move(*opened);
    }
    return run_read(*connection, statements);
}

// --- in memory -----------------------------------------------------------------------------------------------------

class MemoryDatabase final : public Database {
public:
    explicit MemoryDatabase(const Clock& clock);

    Task<Result<std::vector<Rows>>> read(std::vector<Statement> statements) override;
    Task<Result<std::vector<WriteOutcome>>> write(std::vector<Statement> statements) override;
    DatabaseGauges gauges() const override;
    std::optional<StorageTrouble> trouble() const override { return writer_.health().trouble(); }

private:
    void answer_read(const ReplyPtr& reply, const std::vector<Statement>& statements);
    void answer_write(const ReplyPtr& reply, std::vector<Statement> statements);

    std::mutex mutex_;
    SqliteWriter writer_;
    std::atomic<std::uint64_t> reads_done_ = 0;
};

Result<Connection> memory_is_lost() { return Error(ErrorCode::storage, "a database in memory cannot be reopened"); }

MemoryDatabase::MemoryDatabase(const Clock& clock)
    : writer_(checked(SqliteConnection::open_memory(), ":memory:"), [] { return memory_is_lost(); }) {
    migrate_or_refuse(writer_.connection(), ":memory:");
    start_ids_or_refuse(writer_.connection(), clock, ":memory:");
}

Task<Result<std::vector<Rows>>> MemoryDatabase::read(std::vector<Statement> statements) {
    if (has_nul(statements)) co_return holds_nul();
    Reply reply(Loop::rank());
    answer_read(reply.state(), statements);
    Answer answer = co_await reply;
    co_return rows_of(std::move(answer));
}

Task<Result<std::vector<WriteOutcome>>> MemoryDatabase::write(std::vector<Statement> statements) {
    if (has_nul(statements)) co_return holds_nul();
    Reply reply(Rank::in);
    answer_write(reply.state(), std::move(statements));
    co_return co_await reply;
}

void MemoryDatabase::answer_read(const ReplyPtr& reply, const std::vector<Statement>& statements) {
    std::lock_guard lock(mutex_);
    reply->answer.emplace(run_read(writer_.connection(), statements));
    ++reads_done_;
    std::vector<ReplyPtr> one(1, reply);
    deliver(std::move(one));
}

void MemoryDatabase::answer_write(const ReplyPtr& reply, std::vector<Statement> statements) {
    std::lock_guard lock(mutex_);
    std::vector<Job> batch;
    batch.emplace_back(std::move(statements), reply);
    writer_.commit(std::move(batch));
}

DatabaseGauges MemoryDatabase::gauges() const {
    DatabaseGauges all;
    all.reads = reads_done_;
    writer_.health().fill(all);
    all.write_calls = counts_of(all.writes, 0);  // nothing waits
    all.read_calls = counts_of(all.reads, 0);
    return all;
}

}  // namespace

std::unique_ptr<Database> open_sqlite_database(SqliteOptions options) {
    return std::make_unique<SqliteDatabase>(std::move(options));
}

void look_at_sqlite(const SqliteOptions& options) {
    const Connection connection = checked(SqliteConnection::open(options, SqliteConnection::Role::reader), options.path);
    if (auto usable = usable_schema(*connection, migrations()); !usable) refuse_database(options.path, usable.error().message);
}

std::unique_ptr<Database> open_memory_database(const Clock& clock) { return std::make_unique<MemoryDatabase>(clock); }

}  // namespace rookery
