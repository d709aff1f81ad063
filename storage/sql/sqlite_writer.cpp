#include "storage/sql/sqlite_writer.h"

#include <algorithm>

#include "base/log.h"

namespace rookery {
namespace {

Answer run_statements(SqliteConnection& connection, const std::vector<Statement>& statements) {
    std::vector<WriteOutcome> outcomes;
    outcomes.reserve(statements.size());
    for (const Statement& statement : statements) {
        Result<WriteOutcome> outcome = connection.run(statement);
        if (!outcome) return std::move(outcome).error();
        const bool changed = outcome->changed > 0 || !outcome->rows.empty();
        if (!changed && statement.otherwise()) return Error(statement.otherwise()->code, statement.otherwise()->why);
        outcomes.push_back(std::move(*outcome));
    }
    return outcomes;
}

std::size_t failed_for_storage(const std::vector<Answer>& answers) {
    return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [](const Answer& answer) {
        return !answer && answer.error().code == ErrorCode::storage;
    }));
}

std::size_t failed_for_storage(const Result<std::vector<Answer>>& result, std::size_t calls) {
    if (result) return failed_for_storage(*result);
    return result.error().code == ErrorCode::storage ? calls : 0;
}

// Of the last call that failed; empty: none did.
std::string error_of(const Result<std::vector<Answer>>& result) {
    if (!result) return result.error().message;
    for (auto answer = result->rbegin(); answer != result->rend(); ++answer)
        if (!*answer && answer->error().code == ErrorCode::storage) return answer->error().message;
    return {};
}

// A savepoint that cannot be ended might leave half a call behind: then the whole transaction has to go.
Result<void> end_call(SqliteConnection& connection, bool keep) {
    Result<WriteOutcome> ended = WriteOutcome();
    if (!keep) ended = connection.run(Sql("ROLLBACK TO one_call"));
    if (ended) ended = connection.run(Sql("RELEASE one_call"));
    if (ended) return {};
    (void)connection.run(Sql("ROLLBACK"));
    return std::move(ended).error();
}

}  // namespace

Answer run_call(SqliteConnection& connection, const std::vector<Statement>& statements) {
    // One statement is a unit by itself, and one that changed nothing has nothing to undo.
    if (statements.size() == 1) return run_statements(connection, statements);
    if (auto begun = connection.run(Sql("SAVEPOINT one_call")); !begun) return std::move(begun).error();
    Answer answer = run_statements(connection, statements);
    // SQLite may have rolled back everything by itself (disk full, I/O error): then there is no savepoint any more.
    if (!connection.in_transaction()) return answer;
    if (Result<void> ended = end_call(connection, answer.ok()); !ended) return std::move(ended).error();
    return answer;
}

void SqliteWriter::run(JobQueue& queue) {
    for (;;) {
        std::vector<Job> batch = queue.take(max_batch_calls, max_batch_bytes);
        if (batch.empty()) return;
        commit(std::move(batch));
    }
}

void SqliteWriter::commit(std::vector<Job> batch) {
    const SteadyTime begun = SteadyTime::clock::now();
    gauges_.oldest_in_work = batch.front().queued_at;
    gauges_.calls_in_work = batch.size();
    Result<std::vector<Answer>> result = run_transaction(batch);
    note(result, batch.size(), SteadyTime::clock::now() - begun);

    std::vector<ReplyPtr> replies;
    replies.reserve(batch.size());
    for (std::size_t i = 0; i < batch.size(); ++i) {
        batch[i].reply->answer.emplace(result ? std::move((*result)[i]) : Answer(result.error()));
        replies.push_back(std::move(batch[i].reply));
    }
    deliver(std::move(replies));
}

// The answers of all calls, once they are committed. An error: nothing was committed, and it is everybody's answer,
// also for calls that were refused, since that may have been because of others of this transaction.
Result<std::vector<Answer>> SqliteWriter::run_transaction(const std::vector<Job>& batch) {
    if (auto usable = ensure_usable(); !usable) return std::move(usable).error();
    if (auto begun = connection_->run(Sql("BEGIN IMMEDIATE")); !begun) return std::move(begun).error();
    std::vector<Answer> answers;
    answers.reserve(batch.size());
    for (const Job& job : batch) {
        answers.push_back(run_call(*connection_, job.statements));
        if (!connection_->in_transaction()) {
            return Error(ErrorCode::storage, "the transaction was rolled back: " + answers.back().error().message);
        }
    }
    auto committed = connection_->run(Sql("COMMIT"));
    if (committed) return answers;
    if (connection_->in_transaction()) (void)connection_->run(Sql("ROLLBACK"));
    return Error(ErrorCode::storage, "commit: " + committed.error().message);
}

Result<void> SqliteWriter::ensure_usable() {
    if (connection_ && connection_->moved())
        return Error(ErrorCode::storage, "the file was removed or replaced: put it back, or restart");
    if (connection_ && !connection_->broken()) return {};
    connection_.reset();
    Result<Connection> opened = reopen_();
    if (!opened) return Error(ErrorCode::storage, "reopening: " + opened.error().message);
    connection_ = std::move(*opened);
    return {};
}

void SqliteWriter::note(const Result<std::vector<Answer>>& result, std::size_t calls, Duration took) {
    const std::size_t failed = failed_for_storage(result, calls);
    gauges_.failures += failed;
    if (result) {
        ++gauges_.commits;
        gauges_.writes += calls - failed;
    }
    if (took > gauges_.longest_commit.load()) gauges_.longest_commit = took;
    gauges_.calls_in_work = 0;  // before anybody hears the answer
    note_health(result && failed == 0, error_of(result));
}

void SqliteWriter::note_health(bool healthy, const std::string& why) {
    {
        const std::lock_guard lock(trouble_mutex_);
        if (healthy)
            trouble_.reset();
        else
            trouble_ = StorageTrouble{trouble_ ? trouble_->since : SystemClock().wall_now(), why};
    }
    if (gauges_.healthy.exchange(healthy) == healthy) return;  // one line for each change, not for each call
    if (healthy) {
        log_warning("storage_recovered");
    } else {
        log_error("storage_failed", {{"error", why}});
    }
}

std::optional<StorageTrouble> SqliteWriter::trouble() const {
    const std::lock_guard lock(trouble_mutex_);
    return trouble_;
}

}  // namespace rookery
