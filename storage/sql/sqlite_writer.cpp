#include "storage/sql/sqlite_writer.h"

namespace rookery {
namespace {

Answer run_statements(SqliteConnection& connection, const std::vector<Statement>& statements) {
    std::vector<WriteOutcome> outcomes;
    outcomes.reserve(statements.size());
    for (const Statement& statement : statements) {
        Result<WriteOutcome> outcome = connection.run(statement);
        if (!outcome) return std::move(outcome).error();
        if (const Statement::Otherwise* otherwise = unmet(statement, *outcome))
            return Error(otherwise->code, otherwise->why);
        outcomes.push_back(std::move(*outcome));
    }
    return outcomes;
}

// One statement is a unit by itself, and one that changed nothing has nothing to undo.
bool is_unit(const std::vector<Statement>& statements) {
    if (statements.size() != 1) return false;
    const std::optional<Statement::Otherwise>& otherwise = statements.front().otherwise();
    return !otherwise || otherwise->rows == 1;
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
    if (is_unit(statements)) return run_statements(connection, statements);
    if (auto begun = connection.run(Sql("SAVEPOINT one_call")); !begun) return std::move(begun).error();
    Answer answer = run_statements(connection, statements);
    // SQLite may have rolled back everything by itself (disk full, I/O error): then there is no savepoint any more.
    if (!connection.in_transaction()) return answer;
    if (Result<void> ended = end_call(connection, answer.ok()); !ended) return std::move(ended).error();
    return answer;
}

void SqliteWriter::run(JobQueue& queue) {
    for (;;) {
        std::vector<Job> batch = queue.take_group(max_batch_calls, max_batch_bytes);
        if (batch.empty()) return;
        commit(std::move(batch));
    }
}

void SqliteWriter::commit(std::vector<Job> batch) {
    health_.begin(batch);
    Result<std::vector<Answer>> result = run_transaction(batch);
    health_.end(result, batch.size());
    answer_all(std::move(batch), std::move(result));
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

void SqliteWriter::refuse_all(std::string why) {
    refusal_ = std::move(why);
    refuses_ = true;
}

Result<void> SqliteWriter::ensure_usable() {
    if (refuses_) return Error(ErrorCode::storage, refusal_);
    if (connection_ && connection_->moved())
        return Error(ErrorCode::storage, "the file was removed or replaced: put it back, or restart");
    if (connection_ && !connection_->broken()) return {};
    connection_.reset();
    Result<Connection> opened = reopen_();
    if (!opened) return Error(ErrorCode::storage, "reopening: " + opened.error().message);
    connection_ = std::move(*opened);
    return {};
}

}  // namespace rookery
