#include "storage/sql/queued_database.h"

#include <algorithm>

namespace rookery {
namespace {

Duration age(std::optional<SteadyTime> time) {
    return time ? std::max(Duration(0), SteadyTime::clock::now() - *time) : Duration(0);
}

}  // namespace

Result<std::vector<Rows>> rows_of(Answer answer) {
    if (!answer) return std::move(answer).error();
    std::vector<Rows> all;
    all.reserve(answer->size());
    for (WriteOutcome& outcome : *answer) all.push_back(std::move(outcome.rows));
    return all;
}

Error holds_nul() { return Error(ErrorCode::invalid, "a text value holds a NUL"); }

Task<Result<std::vector<Rows>>> QueuedDatabase::read(std::vector<Statement> statements) {
    Answer answer = co_await ask(reads_, Loop::rank(), std::move(statements));
    co_return rows_of(std::move(answer));
}

Task<Result<std::vector<WriteOutcome>>> QueuedDatabase::write(std::vector<Statement> statements) {
    return ask(writes_, Rank::in, std::move(statements));
}

Task<Answer> QueuedDatabase::ask(JobQueue& queue, Rank rank, std::vector<Statement> statements) {
    if (has_nul(statements)) co_return holds_nul();
    Reply reply(rank);
    Job job(std::move(statements), reply.state());
    if (!queue.push(std::move(job))) {
        ++refused_;
        co_return Error(ErrorCode::unavailable, "too many calls wait for the database");
    }
    co_return co_await reply;
}

void QueuedDatabase::answer_read(Job job, Answer answer) {
    job.reply->answer.emplace(std::move(answer));
    ++reads_done_;
    if (!*job.reply->answer && job.reply->answer->error().code == ErrorCode::storage) ++read_failures_;
    std::vector<ReplyPtr> one;
    one.push_back(std::move(job.reply));
    deliver(std::move(one));
}

DatabaseGauges QueuedDatabase::gauges() const {
    DatabaseGauges all;
    all.writes_waiting = writes_.calls();
    all.write_bytes_waiting = writes_.bytes();
    all.reads_waiting = reads_.calls();
    all.max_waiting = writes_.max_calls();
    all.max_write_bytes = writes_.max_bytes();
    all.write_calls = writes_.call_counts();
    all.write_bytes = writes_.byte_counts();
    all.read_calls = reads_.call_counts();
    all.oldest_wait = age(writes_.oldest());
    all.oldest_read_wait = age(reads_.oldest());
    all.reads = reads_done_;
    all.refused = refused_;
    all.failures = read_failures_;
    health().fill(all);
    return all;
}

}  // namespace rookery
