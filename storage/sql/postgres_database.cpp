#include "storage/sql/postgres_database.h"

#include <algorithm>
#include <stdexcept>
#include <thread>

#include "storage/sql/postgres_writer.h"
#include "storage/sql/queued_database.h"

namespace rookery {
namespace {

[[noreturn]] void refuse(const PostgresOptions& options, const std::string& why) {
    throw std::runtime_error("cannot use PostgreSQL database " + describe(options) + ": " + why);
}

class PostgresDatabase final : public QueuedDatabase {
public:
    explicit PostgresDatabase(PostgresOptions options);
    ~PostgresDatabase() override;

private:
    const WriteHealth& health() const override { return writer_.health(); }
    void serve_reads();
    Answer read_with(PostgresLink& link, const Job& job);

    const PostgresOptions options_;
    StopSignal stop_;
    PostgresWriter writer_;
    std::vector<std::thread> threads_;
};

PostgresDatabase::PostgresDatabase(PostgresOptions options)
    : QueuedDatabase(options.max_waiting_calls, options.max_waiting_bytes),
      options_(std::move(options)),
      writer_(options_, stop_) {
    if (auto started = writer_.start(); !started) refuse(options_, started.error().message);
    const std::size_t readers = std::max<std::size_t>(options_.pool_size, 2) - 1;
    threads_.emplace_back([this] { writer_.run(writes_); });
    for (std::size_t i = 0; i < readers; ++i) threads_.emplace_back([this] { serve_reads(); });
}

// What is queued is finished, unless the server is away.
PostgresDatabase::~PostgresDatabase() {
    writes_.close();
    reads_.close();
    stop_.raise();
    for (std::thread& thread : threads_) thread.join();
}

void PostgresDatabase::serve_reads() {
    PostgresLink link(options_, PostgresLink::Role::reader, stop_);
    for (;;) {
        std::vector<Job> jobs = reads_.take(1, options_.max_waiting_bytes);
        if (jobs.empty()) return;
        Answer answer = read_with(link, jobs.front());
        answer_read(std::move(jobs.front()), std::move(answer));
    }
}

// A connection may have been lost since it was last used: then once more, on a new one.
Answer PostgresDatabase::read_with(PostgresLink& link, const Job& job) {
    for (bool first = true;; first = false) {
        Result<PostgresConnection*> connection = link.get(job.queued_at + options_.patience);
        if (!connection) return std::move(connection).error();
        Answer answer = run_read(**connection, job.statements);
        if (!first || !(*connection)->broken()) return answer;
    }
}

template <class T>
T checked(Result<T> result, const PostgresOptions& options) {
    if (!result) refuse(options, result.error().message);
    return std::move(*result);
}

}  // namespace

Statement postgres_release() {
    return Statement(Sql("SELECT pg_advisory_unlock(1919905643, hashtext(current_schema()))"));
}
Statement postgres_regain() { return Statement(Sql("SELECT pg_advisory_lock(1919905643, hashtext(current_schema()))")); }

std::vector<std::string> look_at_postgres(const PostgresOptions& options) {
    const StopSignal never;
    const auto connection = checked(PostgresConnection::open(options, PostgresConnection::Role::reader, never), options);
    (void)checked(usable_schema(*connection, migrations()), options);
    return checked(connection->dangers(), options);
}

std::unique_ptr<Database> open_postgres_database(PostgresOptions options) {
    return std::make_unique<PostgresDatabase>(std::move(options));
}

}  // namespace rookery
