#include "tests/simulation/flaky_database.h"

#include <algorithm>

#include "base/loop.h"

namespace rookery::test {
namespace {

Error disk_failed() { return Error(ErrorCode::storage, "the disk failed"); }

// One that waits, also when its task is destroyed.
struct Waiting {
    explicit Waiting(std::size_t& counter) : count(counter) { ++count; }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { --count; }
    std::size_t& count;
};

}  // namespace

// `queue`: until when those before are busy; nobody overtakes them.
Task<void> FlakyDatabase::dawdle(SteadyTime& queue) {
    Loop* loop = Loop::current();
    if (!loop) co_return;
    const SteadyTime now = loop->clock().steady_now();
    const Milliseconds more(mood_ == Mood::slow ? static_cast<std::int64_t>(dice_.below(300)) : 0);
    queue = std::max(queue, now + more);
    if (queue > now) co_await pause(*loop, queue - now);
}

Task<Result<std::vector<Rows>>> FlakyDatabase::read(std::vector<Statement> statements) {
    if (mood_ == Mood::dead) co_return disk_failed();
    Result<std::vector<Rows>> rows = co_await real_->read(std::move(statements));
    co_await dawdle(answers_until_);
    if (mood_ == Mood::dead) co_return disk_failed();
    co_return rows;
}

Task<Result<std::vector<WriteOutcome>>> FlakyDatabase::write(std::vector<Statement> statements) {
    const Waiting here(writes_waiting_);
    Result<std::vector<WriteOutcome>> outcomes = co_await write_moody(std::move(statements));
    co_return outcomes;
}

DatabaseGauges FlakyDatabase::gauges() const {
    DatabaseGauges all = real_->gauges();
    all.writes_waiting = writes_waiting_;
    all.write_calls = counts_of(all.writes + writes_waiting_, writes_waiting_);
    all.max_waiting = max_waiting;
    return all;
}

Task<Result<std::vector<WriteOutcome>>> FlakyDatabase::write_moody(std::vector<Statement> statements) {
    co_await dawdle(commits_until_);
    if (mood_ == Mood::dead || mood_ == Mood::refusing) co_return disk_failed();
    Result<std::vector<WriteOutcome>> outcomes = co_await real_->write(std::move(statements));
    co_await dawdle(answers_until_);
    if (mood_ == Mood::dead || mood_ == Mood::forgetful) co_return disk_failed();
    co_return outcomes;
}

}  // namespace rookery::test
