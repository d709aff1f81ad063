// The contract of Database itself, for every engine.
#include "storage/sql/database.h"

#include <thread>
#include <type_traits>

#include "tests/storage/contract.h"

namespace rookery {
namespace {

static_assert(!std::is_constructible_v<Sql, std::string>);
static_assert(!std::is_constructible_v<Sql, std::string_view>);

constexpr Sql insert = "INSERT INTO account (domain, local, created) VALUES (?1, ?2, ?3)";
constexpr Sql update = "UPDATE account SET created = ?3 WHERE domain = ?1 AND local = ?2";
constexpr Sql select_created = "SELECT created FROM account WHERE domain = ?1 AND local = ?2";
constexpr Sql count_all = "SELECT count(*) FROM account";
constexpr Sql nonsense = "SELECT * FROM no_such_table";
constexpr Sql endless =
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 10000000000) "
    "SELECT count(*) FROM numbers";

class DatabaseTest : public Contract {
protected:
    std::int64_t accounts_there() { return wait(database().query(Statement(count_all))).value().at(0, 0).integer(); }
    Statement insert_named(const std::string& name) { return Statement(insert, "example.org", name, 1); }
};
INSTANTIATE_TEST_SUITE_P(engines, DatabaseTest, testing::ValuesIn(engines), engine_name);

TEST_P(DatabaseTest, WritesAllOrNothing) {
    const std::int64_t before = accounts_there();
    std::vector<Statement> work = together(insert_named("carol"), insert_named("alice"));
    EXPECT_EQ(error_of(database().write(work)), ErrorCode::conflict);
    work = together(insert_named("carol"), Statement(nonsense));
    EXPECT_EQ(error_of(database().write(work)), ErrorCode::storage);
    EXPECT_EQ(accounts_there(), before);
    work = together(insert_named("carol"), insert_named("dave"));
    EXPECT_EQ(wait(database().write(work)).value().size(), 2u);
    EXPECT_EQ(accounts_there(), before + 2);
}

TEST_P(DatabaseTest, UndoesACallThatHadToChangeSomething) {
    const std::int64_t before = accounts_there();
    auto update_nobody = [] {
        return Statement(update, "example.org", "nobody", 1).must_change(ErrorCode::denied, "nobody is there");
    };
    std::vector<Statement> work = together(insert_named("carol"), update_nobody());
    const Result<std::vector<WriteOutcome>> outcome = wait(database().write(work));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, ErrorCode::denied);
    EXPECT_EQ(outcome.error().message, "nobody is there");
    EXPECT_EQ(accounts_there(), before);
    EXPECT_EQ(error_of(database().change(update_nobody())), ErrorCode::denied);
}

TEST_P(DatabaseTest, CountsChangesOfItsOwnStatement) {
    std::vector<Statement> work =
        together(insert_named("carol"), Statement(update, "example.org", "carol", 7),
                 Statement(update, "example.org", "x", 7), Statement(select_created, "example.org", "carol"));
    const std::vector<WriteOutcome> outcomes = wait(database().write(work)).value();
    EXPECT_EQ(outcomes[0].changed, 1);
    EXPECT_EQ(outcomes[1].changed, 1);
    EXPECT_EQ(outcomes[2].changed, 0);
    EXPECT_EQ(outcomes[3].changed, 0);
    EXPECT_EQ(outcomes[3].rows.at(0, 0).integer(), 7);
}

TEST_P(DatabaseTest, ReadsSeeTheWriteBeforeThem) {
    for (int i = 1; i <= 50; ++i) {
        wait(database().change(Statement(update, "example.org", "alice", i))).value();
        const Rows rows = wait(database().query(Statement(select_created, "example.org", "alice"))).value();
        ASSERT_EQ(rows.at(0, 0).integer(), i);
    }
}

TEST_P(DatabaseTest, ReadsCannotWrite) {
    const std::int64_t before = accounts_there();
    if (GetParam().name != std::string("memory")) {
        EXPECT_EQ(error_of(database().query(insert_named("carol"))), ErrorCode::storage);
        EXPECT_EQ(accounts_there(), before);
    }
}

// reliability.md M14: what may take long has a limit, and the connection is as good as before.
TEST_P(DatabaseTest, EndsAReadThatTakesTooLong) {
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(error_of(database().query(Statement(endless).within(Milliseconds(20)))), ErrorCode::unavailable);
        std::vector<Statement> work = together(Statement(count_all), Statement(endless).within(Milliseconds(20)));
        EXPECT_EQ(error_of(database().read(std::move(work))), ErrorCode::unavailable);
        EXPECT_GT(accounts_there(), 0);
    }
    const Result<Rows> in_time = wait(database().query(Statement(count_all).within(Milliseconds(10'000))));
    EXPECT_TRUE(in_time.ok());
}

// A machine that stands still for a second looks the same: what is seen once is enough.
TEST_P(DatabaseTest, AReadThatTakesLongKeepsNoWriterWaiting) {
    if (GetParam().name == std::string("memory")) GTEST_SKIP() << "one connection for all";
    bool changed_meanwhile = false;
    for (int i = 0; i < 5 && !changed_meanwhile; ++i) {
        bool ended = false;
        auto read = [&]() -> Task<void> {
            Statement slow = Statement(endless).within(Milliseconds(1'000));
            (void)co_await database().query(std::move(slow));
            ended = true;
        };
        spawn(read());
        EXPECT_TRUE(wait(database().change(insert_named("carol" + std::to_string(i)))).ok());
        changed_meanwhile = !ended;
        ASSERT_TRUE(loop_.run_until([&] { return ended; }));
    }
    EXPECT_TRUE(changed_meanwhile);
}

TEST_P(DatabaseTest, RefusesNul) {
    const std::string nul("a\0b", 3);
    EXPECT_EQ(error_of(database().change(insert_named(nul))), ErrorCode::invalid);
    EXPECT_EQ(error_of(database().query(Statement(select_created, "example.org", nul))), ErrorCode::invalid);
}

TEST_P(DatabaseTest, GivesNullsAndEmptyTexts) {
    const Rows rows = wait(database().query(Statement("SELECT NULL, ''"))).value();
    EXPECT_TRUE(rows.at(0, 0).is_null());
    EXPECT_EQ(rows.at(0, 0).integer(), 0);
    EXPECT_EQ(rows.at(0, 0).text(), "");
    EXPECT_FALSE(rows.at(0, 1).is_null());
}

TEST_P(DatabaseTest, AnswersNeverInsideTheCall) {
    bool answered = false;
    auto ask = [&]() -> Task<void> {
        Result<Rows> rows = co_await database().query(Statement(count_all));
        answered = rows.ok();
    };
    spawn(ask());
    EXPECT_FALSE(answered);
    EXPECT_TRUE(loop_.run_until([&] { return answered; }));
}

// Who is served first asked later (Rank).
TEST_P(DatabaseTest, WritesAreAnsweredInTheirOrder) {
    std::string order;
    auto write = [&](const char* name) -> Task<void> {
        (void)co_await database().change(insert_named(name));
        order += name;
    };
    for (const Rank rank : {Rank::newcomer, Rank::stranger, Rank::in}) {
        const Loop::As as(rank);
        spawn(write(rank == Rank::newcomer ? "carol " : rank == Rank::stranger ? "dave " : "eve "));
    }
    EXPECT_TRUE(loop_.run_until([&] { return order.size() == 15; }));
    EXPECT_EQ(order, "carol dave eve ");
}

TEST_P(DatabaseTest, ForgetsATaskThatIsGone) {
    std::optional<Task<Result<WriteOutcome>>> task(database().change(insert_named("carol")));
    task->await_suspend(std::noop_coroutine()).resume();
    task.reset();
    wait(database().change(insert_named("dave"))).value();  // behind it in the queue
    EXPECT_TRUE(wait(accounts().exists(jid("carol@example.org"))).value());
}

TEST_P(DatabaseTest, BlocksAThreadWithoutLoop) {
    bool found = false;
    std::thread tool([&] { found = run_now(accounts().exists(alice)).value(); });
    tool.join();
    EXPECT_TRUE(found);
}

TEST_P(DatabaseTest, CountsWhatItDid) {
    const DatabaseGauges before = database().gauges();
    wait(database().change(insert_named("carol"))).value();
    (void)wait(database().change(insert_named("carol")));
    accounts_there();
    const DatabaseGauges after = database().gauges();
    EXPECT_EQ(after.writes, before.writes + 2);
    EXPECT_EQ(after.commits, before.commits + 2);
    EXPECT_EQ(after.reads, before.reads + 1);
    EXPECT_EQ(after.failures, before.failures);
    EXPECT_TRUE(after.healthy);
    EXPECT_EQ(after.writes_waiting, 0u);
    EXPECT_EQ(after.oldest_wait, Duration(0));
}

}  // namespace
}  // namespace rookery
