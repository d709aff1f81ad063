#include "tests/simulation/flaky_database.h"

#include <algorithm>

#include "base/loop.h"

namespace rookery::test {
namespace {

Error disk_failed() { return Error(ErrorCode::storage, "the disk failed"); }

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
    co_await dawdle(commits_until_);
    if (mood_ == Mood::dead || mood_ == Mood::refusing) co_return disk_failed();
    Result<std::vector<WriteOutcome>> outcomes = co_await real_->write(std::move(statements));
    co_await dawdle(answers_until_);
    if (mood_ == Mood::dead || mood_ == Mood::forgetful) co_return disk_failed();
    co_return outcomes;
}

}  // namespace rookery::test
