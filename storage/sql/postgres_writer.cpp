#include "storage/sql/postgres_writer.h"

#include <poll.h>

#include <algorithm>
#include <iterator>

#include "base/log.h"
#include "storage/sql/queued_database.h"

namespace rookery {
namespace {

constexpr Milliseconds first_pause{50};
constexpr Milliseconds longest_pause{1'000};  // between attempts: how long a server that is back waits for us
constexpr int max_attempts = 3;               // at a transaction, when connections break on it

const Statement begin_write(Sql("BEGIN"));
const Statement commit_all(Sql("COMMIT"));
const Statement roll_back(Sql("ROLLBACK"));
const Statement set_savepoint(Sql("SAVEPOINT here"));
const Statement drop_savepoint(Sql("RELEASE SAVEPOINT here"));
const Statement back_to_savepoint(Sql("ROLLBACK TO SAVEPOINT here"));
const Statement begin_read(Sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));

using Work = std::vector<const Statement*>;

// One transaction for the calls of a group. They are sent without savepoints between them, as nearly all succeed. When
// one fails, everything since the last savepoint is undone, what came before the one is run again and kept, then it is
// tried alone: if it fails then, it is undone alone. From there on in steps that double. So a call is refused
// only for what is there because of calls that stay.
class GroupTransaction {
public:
    GroupTransaction(PostgresConnection& connection, const std::vector<Job>& batch)
        : connection_(connection), batch_(batch), step_(batch.size()), before_(1, &begin_write) {
        answers_.reserve(batch.size());
    }

    // The answers of all, once they are committed. An error: nothing was, as far as is known.
    Result<std::vector<Answer>> run() {
        while (answers_.size() < batch_.size())
            if (auto done = run_step(); !done) return std::move(done).error();
        Work work = failed_last_ ? before_ : Work();
        work.push_back(&commit_all);
        committing_ = true;
        const Pipelined ended = connection_.run_all(work);
        if (ended.failed) return Error(ErrorCode::storage, "commit: " + ended.failed->message);
        return std::move(answers_);
    }

    // After an error: nothing of it can have been committed.
    bool nothing_was_done() const { return !committing_; }

private:
    Result<void> run_step() {
        const std::size_t from = answers_.size();
        const std::size_t end = std::min(batch_.size(), from + step_);
        Work work = before_;
        for (std::size_t i = from; i < end; ++i)
            for (const Statement& statement : batch_[i].statements) work.push_back(&statement);
        Pipelined done = connection_.run_all(work);
        if (connection_.broken() || done.outcomes.size() < before_.size()) return std::move(*done.failed);
        take(done, from, end);
        return {};
    }

    void take(Pipelined& done, std::size_t from, std::size_t end) {
        std::vector<Answer> answers;
        std::size_t at = before_.size();
        for (std::size_t i = from; i < end; ++i) {
            answers.push_back(answer_of(batch_[i], done, at));
            at += batch_[i].statements.size();
            if (!answers.back()) return undo(std::move(answers));
        }
        keep(std::move(answers));
    }

    static Answer answer_of(const Job& job, Pipelined& done, std::size_t at) {
        std::vector<WriteOutcome> outcomes;
        outcomes.reserve(job.statements.size());
        for (const Statement& statement : job.statements) {
            if (at == done.outcomes.size()) return *done.failed;
            if (const Statement::Otherwise* otherwise = unmet(statement, done.outcomes[at]))
                return Error(otherwise->code, otherwise->why);
            outcomes.push_back(std::move(done.outcomes[at++]));
        }
        return outcomes;
    }

    void keep(std::vector<Answer> answers) {
        step_ = retrying_ ? 1 : std::max<std::size_t>(step_, 1) * 2;
        retrying_ = failed_last_ = false;
        std::move(answers.begin(), answers.end(), std::back_inserter(answers_));
        before_ = has_savepoint_ ? Work{&drop_savepoint, &set_savepoint} : Work{&set_savepoint};
        has_savepoint_ = true;
    }

    // The last of these failed. `has_savepoint_`: what was sent began with one.
    void undo(std::vector<Answer> answers) {
        const bool alone = answers.size() == 1;
        retrying_ = !alone;
        step_ = alone ? 1 : answers.size() - 1;
        if (alone) answers_.push_back(std::move(answers.front()));
        failed_last_ = true;
        before_ = has_savepoint_ ? Work{&back_to_savepoint} : Work{&roll_back, &begin_write};
    }

    PostgresConnection& connection_;
    const std::vector<Job>& batch_;
    std::vector<Answer> answers_;  // of the calls that are done
    std::size_t step_;             // calls to try next
    Work before_;                  // what has to be sent first
    bool has_savepoint_ = false;
    bool retrying_ = false;     // the step ends where one failed
    bool failed_last_ = false;  // `before_` undoes something
    bool committing_ = false;
};

Result<void> warn_of_dangers(PostgresConnection& connection, const PostgresOptions& options) {
    Result<std::vector<std::string>> settings = connection.dangers();
    if (!settings) return std::move(settings).error();
    for (const std::string& setting : *settings)
        log_warning("database_unsafe", {{"database", describe(options)},
                                        {"setting", setting},
                                        {"loses", "what was acknowledged, when the machine of PostgreSQL stops"},
                                        {"cure", "turn it on in postgresql.conf"}});
    return {};
}

}  // namespace

// --- PostgresLink ----------------------------------------------------------------------------------------------------

Result<PostgresConnection*> PostgresLink::get(SteadyTime until) {
    if (connection_ && !connection_->broken()) return connection_.get();
    connection_.reset();
    for (;;) {
        if (next_attempt_ > std::max(until, SteadyTime::clock::now())) return Error(ErrorCode::unavailable, why_);
        if (!wait_until(next_attempt_)) return Error(ErrorCode::unavailable, "the database is being closed");
        if (Result<PostgresConnection*> opened = open(); opened) return opened;
        pause_ = std::clamp(pause_ * 2, first_pause, longest_pause);
        next_attempt_ = SteadyTime::clock::now() + pause_;
    }
}

Result<PostgresConnection*> PostgresLink::open() {
    Result<std::unique_ptr<PostgresConnection>> opened = PostgresConnection::open(options_, role_, stop_);
    if (!opened) {
        why_ = "no connection to " + describe(options_) + ": " + opened.error().message;
        return Error(ErrorCode::unavailable, opened.error().message);
    }
    connection_ = std::move(*opened);
    pause_ = Milliseconds(0);
    return connection_.get();
}

bool PostgresLink::wait_until(SteadyTime time) const {
    pollfd stop{stop_.fd(), POLLIN, 0};
    for (;;) {
        const auto left = std::chrono::ceil<Milliseconds>(time - SteadyTime::clock::now()).count();
        if (stop_.raised()) return false;
        if (left <= 0) return true;
        (void)::poll(&stop, 1, static_cast<int>(std::min<Milliseconds::rep>(left, 60'000)));
    }
}

// --- PostgresWriter --------------------------------------------------------------------------------------------------

Result<void> PostgresWriter::start() {
    Result<PostgresConnection*> opened = link_.open();
    if (!opened) return std::move(opened).error();
    if (auto migrated = migrate(**opened, migrations()); !migrated) return migrated;
    if (auto warned = warn_of_dangers(**opened, options_); !warned) return warned;
    return start_ids(**opened);
}

// Above all that the tables know and all that were made: also if another server was here meanwhile.
Result<void> PostgresWriter::start_ids(PostgresConnection& connection) {
    Result<WriteOutcome> found =
        connection.run(Statement(Sql("SELECT (SELECT coalesce(max(id), 0) FROM log), "
                                     "(SELECT coalesce(max(delivered_through), 0) FROM log_mark)")));
    if (!found) return std::move(found).error();
    const std::int64_t in_tables = std::max(found->rows.at(0, 0).integer(), found->rows.at(0, 1).integer());
    const std::uint64_t last = std::max(static_cast<std::uint64_t>(in_tables), ids_ ? ids_->next() : 0);
    ids_.emplace(*options_.clock, lane_of_log, last);
    connection.make_ids_with(&*ids_);
    return {};
}

void PostgresWriter::run(JobQueue& queue) {
    for (;;) {
        std::vector<Job> batch = queue.take_group(max_batch_calls, max_batch_bytes);
        if (batch.empty()) return;
        commit(std::move(batch));
    }
}

void PostgresWriter::commit(std::vector<Job> batch) {
    health_.begin(batch);
    Result<std::vector<Answer>> result = run_transaction(batch);
    health_.end(result, batch.size());
    answer_all(std::move(batch), std::move(result));
}

Result<std::vector<Answer>> PostgresWriter::run_transaction(const std::vector<Job>& batch) {
    const SteadyTime until = batch.front().queued_at + options_.patience;
    for (int attempt = 1;; ++attempt) {
        Result<PostgresConnection*> connection = usable(until);
        if (!connection) return std::move(connection).error();
        GroupTransaction transaction(**connection, batch);
        Result<std::vector<Answer>> answers = transaction.run();
        if (answers) return answers;
        const bool lost = (*connection)->broken();
        if (!lost) (void)(*connection)->run(roll_back);
        if (!lost || !transaction.nothing_was_done() || attempt == max_attempts) return answers;
    }
}

Result<PostgresConnection*> PostgresWriter::usable(SteadyTime until) {
    Result<PostgresConnection*> connection = link_.get(until);
    if (!connection || (*connection)->makes_ids()) return connection;
    if (auto started = start_ids(**connection); !started) return Error(ErrorCode::unavailable, started.error().message);
    return connection;
}

// --- reading ---------------------------------------------------------------------------------------------------------

namespace {

// The longest one asked for; each statement of the transaction has as much time. It ends with the transaction.
std::optional<Statement> time_limit(const std::vector<Statement>& statements) {
    Milliseconds longest{0};
    for (const Statement& statement : statements) longest = std::max(longest, statement.limit().value_or(longest));
    if (longest == Milliseconds(0)) return std::nullopt;
    return Statement(Sql("SELECT set_config('statement_timeout', ?1, true)"), std::to_string(longest.count()));
}

Answer checked(Pipelined done, const std::vector<Statement>& statements) {
    if (done.failed) return std::move(*done.failed);
    for (std::size_t i = 0; i < statements.size(); ++i)
        if (const Statement::Otherwise* otherwise = unmet(statements[i], done.outcomes[i]))
            return Error(otherwise->code, otherwise->why);
    return std::move(done.outcomes);
}

}  // namespace

Answer run_read(PostgresConnection& connection, const std::vector<Statement>& statements) {
    const std::optional<Statement> limit = time_limit(statements);
    Work work;
    if (limit || statements.size() > 1) work.push_back(&begin_read);
    if (limit) work.push_back(&*limit);
    const auto ahead = static_cast<std::ptrdiff_t>(work.size());
    for (const Statement& statement : statements) work.push_back(&statement);
    if (ahead == 0) return checked(connection.run_all(work), statements);
    work.push_back(&commit_all);
    Pipelined done = connection.run_all(work);
    if (done.failed && !connection.broken()) (void)connection.run(roll_back);
    if (!done.failed) {
        done.outcomes.pop_back();
        done.outcomes.erase(done.outcomes.begin(), done.outcomes.begin() + ahead);
    }
    return checked(std::move(done), statements);
}

}  // namespace rookery
