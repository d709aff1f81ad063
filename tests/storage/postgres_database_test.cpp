// What only a database that is a server can do: go away, come back, refuse, stand still.
#include "storage/sql/postgres_database.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "base/log.h"
#include "storage/sql/postgres_connection.h"
#include "storage/stores.h"
#include "tests/support/postgres_cluster.h"
#include "tests/support/wait_loop.h"

namespace rookery {
namespace {

Jid jid(const std::string& text) { return *Jid::parse(text); }
const WallTime now{Seconds(1)};
const Jid alice = jid("alice@example.org");
const Jid bob = jid("bob@example.org");

constexpr Sql insert = "INSERT INTO account (domain, local, created) VALUES (?1, ?2, ?3)";
constexpr Sql count_accounts = "SELECT count(*) FROM account";
constexpr const char* end_connections =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rookery'";

// From bob to alice, a row for each.
NewLogEntry entry(std::string text) {
    LogCopy copy(alice, bob);
    copy.waiting = true;
    NewLogEntry made(copy, std::move(text));
    made.second.emplace(bob, alice);
    made.second->outgoing = made.second->archived = true;
    return made;
}

std::string refusal(const PostgresOptions& options) {
    try {
        open_postgres(options);
        return "";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

void expect_one_line_about(const std::string& message, const std::string& what, const std::string& cause) {
    EXPECT_NE(message.find(what), std::string::npos) << message;
    EXPECT_NE(message.find(cause), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
}

// A cluster that tests stop and start, and a new database in it with alice and bob.
class PostgresTest : public testing::Test {
protected:
    PostgresTest() : database_(cluster().new_database()), options_(cluster().options(database_)) {
        options_.patience = Seconds(10);
        options_.connect_timeout = Seconds(2);
    }
    ~PostgresTest() override { set_log_level(before_); }

    static PostgresCluster& cluster() {
        static PostgresCluster own;
        return own;
    }
    void open() {
        storage_.reset();
        storage_ = open_postgres(options_);
        (void)run_now(people().create(alice, {}, now));
        (void)run_now(people().create(bob, {}, now));
    }
    AccountStore& people() { return storage_->stores().accounts; }
    LogStore& log() { return storage_->stores().log; }
    Task<Result<Appended>> start_append(std::string text) {
        NewLogEntry made = entry(std::move(text));
        co_return co_await log().append(std::move(made));
    }
    Result<Appended> append(std::string text) { return run_now(start_append(std::move(text))); }
    std::vector<std::string> ask(const std::string& sql) { return cluster().ask(database_, sql); }
    std::string waiting_texts() {
        return ask("SELECT coalesce(string_agg(stanza, ',' ORDER BY id), '') FROM log WHERE waiting = 1").front();
    }
    Result<WriteOutcome> add_account(const std::string& name) {
        return run_now(storage_->database().change(Statement(insert, "example.org", name, 1)));
    }

    const LogLevel before_ = log_level();
    const std::string database_;
    PostgresOptions options_;
    std::unique_ptr<Storage> storage_;
};

// --- start -----------------------------------------------------------------------------------------------------------

TEST_F(PostgresTest, MakesItsTablesAndFindsThemAgain) {
    open();
    const std::uint64_t first = append("one").value().id;
    open();
    EXPECT_GT(append("two").value().id, first);
    EXPECT_EQ(waiting_texts(), "one,two");
    EXPECT_EQ(ask("SELECT value FROM meta WHERE key = 'schema'").front(), std::to_string(migrations().back().schema));
}

TEST_F(PostgresTest, IdsAreAboveAllThatWereMadeAlsoWhenTheClockIsBack) {
    open();
    const std::string far = std::to_string(std::int64_t{1} << 62);
    ask("INSERT INTO log_mark SELECT id, " + far + ", 0 FROM account WHERE local = 'alice'");
    open();
    EXPECT_GT(append("one").value().id, std::uint64_t{1} << 62);
}

TEST_F(PostgresTest, RefusesASecondServer) {
    open();
    options_.connect_timeout = Milliseconds(200);
    expect_one_line_about(refusal(options_), database_, "another server uses it");
    EXPECT_TRUE(append("one"));
}

TEST_F(PostgresTest, RefusesAWrongPasswordAndKeepsItToItself) {
    if (cluster().ask("postgres", "SELECT 1 FROM pg_roles WHERE rolname = 'guest'").empty())
        cluster().ask("postgres", "CREATE ROLE guest LOGIN PASSWORD 'right'");
    options_.username = "guest";
    options_.password = "s3cret-but-wrong";
    const std::string message = refusal(options_);
    expect_one_line_about(message, database_, "password authentication failed");
    EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
}

TEST_F(PostgresTest, AConnectionStringThatCannotBeReadIsNotRepeated) {
    for (const char* broken : {"password=s3cret host", "postgresql://me:s3cret%zz@host/x", "s3cret"}) {
        PostgresOptions options;
        options.connection = broken;
        const std::string message = refusal(options);
        expect_one_line_about(message, "PostgreSQL", "the connection string cannot be read");
        EXPECT_EQ(message.find("s3cret"), std::string::npos) << message;
    }
}

TEST_F(PostgresTest, TakesAConnectionString) {
    PostgresOptions options;
    options.connection = "postgresql://rookery@/" + database_ + "?host=" + options_.server;
    EXPECT_EQ(refusal(options), "");
    EXPECT_EQ(ask("SELECT count(*) FROM meta WHERE key = 'schema'").front(), "1");
}

TEST_F(PostgresTest, SaysWhatIsNotThere) {
    options_.database = "nothing";
    expect_one_line_about(refusal(options_), "nothing", "does not exist");
    options_.server = "/nowhere";
    expect_one_line_about(refusal(options_), "/nowhere/nothing", "No such file or directory");
}

TEST_F(PostgresTest, RefusesANewerSchemaAndNamesBothVersions) {
    open();
    storage_.reset();
    ask("UPDATE meta SET value = '99' WHERE key IN ('schema', 'oldest_schema')");
    ask("UPDATE meta SET value = '7.5.0' WHERE key = 'oldest_program'");
    expect_one_line_about(refusal(options_), database_, "it has schema 99, which needs Rookery 7.5.0 or newer");
    expect_one_line_about(refusal(options_), database_, migrations().back().program);
}

TEST_F(PostgresTest, RefusesADatabaseOfSomebodyElse) {
    ask("CREATE TABLE users (name TEXT)");
    expect_one_line_about(refusal(options_), database_, "not Rookery's");
    EXPECT_EQ(ask("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").front(), "1");
}

TEST_F(PostgresTest, RefusesAnotherEncoding) {
    cluster().ask("postgres", "CREATE DATABASE latin_" + database_ +
                                  " ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0");
    options_.database = "latin_" + database_;
    expect_one_line_about(refusal(options_), options_.database, "UTF8");
}

TEST_F(PostgresTest, EveryTableGoesWithItsAccount) {
    open();
    const std::vector<std::string> without = ask(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('account', 'meta') AND NOT "
        "EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = quote_ident(tablename)::regclass AND contype = 'f' "
        "AND confrelid = 'account'::regclass AND confdeltype = 'c')");
    EXPECT_EQ(without, std::vector<std::string>());
}

// --- groups ----------------------------------------------------------------------------------------------------------

TEST_F(PostgresTest, CommitsInGroupsAndInOrder) {
    WaitLoop loop;
    open();
    const DatabaseGauges before = storage_->gauges();
    std::vector<std::uint64_t> ids;
    constexpr int calls = 300;
    int answered = 0;
    auto append_one = [&](int i) -> Task<void> {
        NewLogEntry made = entry(std::to_string(i));
        auto done = co_await log().append(std::move(made));
        if (done) ids.push_back(done->id);
        ++answered;
    };
    for (int i = 0; i < calls; ++i) spawn(append_one(i));
    ASSERT_TRUE(loop.run_until([&] { return answered == calls; }));
    EXPECT_EQ(ids.size(), 300u);
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    const DatabaseGauges after = storage_->gauges();
    EXPECT_EQ(after.writes - before.writes, 300u);
    EXPECT_LT(after.commits - before.commits, 100u);
    std::string in_order = "0";
    for (int i = 1; i < calls; ++i) in_order += "," + std::to_string(i);
    EXPECT_EQ(waiting_texts(), in_order);
}

// Refusals by a broken rule of the database, and by one of ours, anywhere in a group.
TEST_F(PostgresTest, ARefusedCallDoesNotSpoilTheOthers) {
    WaitLoop loop;
    open();
    constexpr int calls = 120;
    std::vector<std::optional<Result<std::vector<WriteOutcome>>>> answers(calls);
    int answered = 0;
    const auto refused = [](int i) { return i % 7 == 3 || (i > 40 && i < 60) || i >= 118; };
    auto call = [&](int i) -> Task<void> {
        const std::string name = "user" + std::to_string(i);
        std::vector<Statement> work = together(Statement(insert, "example.org", name, i));
        if (refused(i)) {
            if (i % 2 == 0)
                work.push_back(Statement(insert, "example.org", "alice", i));
            else
                work.push_back(Statement("UPDATE account SET created = 0 WHERE local = 'nobody'")
                                   .must_change(ErrorCode::limit, "too many"));
        }
        answers[static_cast<std::size_t>(i)].emplace(co_await storage_->database().write(std::move(work)));
        ++answered;
    };
    for (int i = 0; i < calls; ++i) spawn(call(i));
    ASSERT_TRUE(loop.run_until([&] { return answered == calls; }));
    const std::vector<std::string> rows = ask("SELECT local FROM account");
    const std::set<std::string> there(rows.begin(), rows.end());
    for (int i = 0; i < calls; ++i) {
        const auto& answer = *answers[static_cast<std::size_t>(i)];
        ASSERT_EQ(answer.ok(), !refused(i)) << i;
        const ErrorCode expected = i % 2 == 0 ? ErrorCode::conflict : ErrorCode::limit;
        EXPECT_TRUE(answer || answer.error().code == expected) << i;
        EXPECT_EQ(there.contains("user" + std::to_string(i)), !refused(i)) << i;
    }
}

// The second is refused because of the first, in the same group.
TEST_F(PostgresTest, ACallSeesThoseBeforeItInItsGroup) {
    WaitLoop loop;
    open();
    int made = 0, conflicts = 0, others = 0;
    auto call = [&](int i) -> Task<void> {
        Statement work(insert, "example.org", "user" + std::to_string(i % 10), i);
        Result<WriteOutcome> done = co_await storage_->database().change(std::move(work));
        ++(done ? made : done.error().code == ErrorCode::conflict ? conflicts : others);
    };
    for (int i = 0; i < 50; ++i) spawn(call(i));
    ASSERT_TRUE(loop.run_until([&] { return made + conflicts + others == 50; }));
    EXPECT_EQ(made, 10);
    EXPECT_EQ(conflicts, 40);
}

TEST_F(PostgresTest, KeepsValuesOfEveryType) {
    open();
    const std::string bytes("\0\x01\xff'\\", 5);
    const Rows rows = run_now(storage_->database().query(Statement("SELECT ?1, ?2, ?3, ?4, ?5 + 0", Blob(bytes),
                                                                   "\xc3\xa4'$1", INT64_MIN, SqlValue(), INT64_MAX)))
                          .value();
    EXPECT_EQ(rows.at(0, 0).blob(), bytes);
    EXPECT_EQ(rows.at(0, 1).text(), "\xc3\xa4'$1");
    EXPECT_EQ(rows.at(0, 2).integer(), INT64_MIN);
    EXPECT_TRUE(rows.at(0, 3).is_null());
    EXPECT_EQ(rows.at(0, 4).integer(), INT64_MAX);
}

TEST_F(PostgresTest, RefusesTextThatIsNotUtf8) {
    open();
    const Result<WriteOutcome> refused = add_account("\xff\xfe");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::invalid);
    EXPECT_TRUE(add_account("carol"));
}

TEST_F(PostgresTest, FinishesWhatIsQueuedWhenItIsClosed) {
    WaitLoop loop;
    open();
    int answered = 0;
    auto append_one = [&]() -> Task<void> {
        NewLogEntry made = entry("x");
        auto done = co_await log().append(std::move(made));
        if (done) ++answered;
    };
    for (int i = 0; i < 50; ++i) spawn(append_one());
    storage_.reset();
    EXPECT_TRUE(loop.run_until([&] { return answered == 50; }));
    EXPECT_EQ(ask("SELECT count(*) FROM log").front(), "100");
}

// --- a server that goes away -----------------------------------------------------------------------------------------

class PostgresAway : public PostgresTest {
protected:
    ~PostgresAway() override { cluster().start(); }
};

TEST_F(PostgresAway, ConnectionsThatWereEndedComeBack) {
    open();
    ASSERT_TRUE(append("one"));
    ASSERT_TRUE(run_now(people().exists(alice)).value());
    EXPECT_GE(ask(end_connections).size(), 2u);
    ASSERT_TRUE(append("two"));
    EXPECT_TRUE(run_now(people().exists(alice)).value());
    EXPECT_EQ(waiting_texts(), "one,two");
    EXPECT_TRUE(storage_->gauges().healthy);
}

TEST_F(PostgresAway, CallsWaitForAServerThatStartsAgain) {
    open();
    ASSERT_TRUE(append("one"));
    cluster().stop(SIGKILL);
    Result<Appended> written = Error(ErrorCode::denied, "");
    Result<bool> read = Error(ErrorCode::denied, "");
    std::thread writes([&] { written = append("two"); });
    std::thread reads([&] { read = run_now(people().exists(alice)); });
    std::this_thread::sleep_for(Milliseconds(100));
    cluster().start();
    writes.join();
    reads.join();
    EXPECT_TRUE(written) << written.error().message;
    EXPECT_TRUE(read) << read.error().message;
    EXPECT_EQ(waiting_texts(), "one,two");
}

TEST_F(PostgresAway, CallsAreToldToWaitAndItComesBackByItself) {
    set_log_level(LogLevel::none);
    options_.patience = Milliseconds(200);
    open();
    cluster().stop(SIGINT);
    const SteadyTime begun = SteadyTime::clock::now();
    for (int i = 0; i < 2; ++i) {
        const Result<Appended> refused = append("lost");
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
        const Result<bool> unread = run_now(people().exists(alice));
        ASSERT_FALSE(unread);
        EXPECT_EQ(unread.error().code, ErrorCode::unavailable);
    }
    EXPECT_LT(SteadyTime::clock::now() - begun, Seconds(5));
    EXPECT_FALSE(storage_->gauges().healthy);
    ASSERT_TRUE(storage_->database().trouble());
    cluster().start();
    // Calls are refused at once until the next attempt to connect, so a number of tries says nothing.
    Result<Appended> done = append("kept");
    const SteadyTime deadline = SteadyTime::clock::now() + Seconds(10);
    while (!done && SteadyTime::clock::now() < deadline) {
        std::this_thread::sleep_for(Milliseconds(5));
        done = append("kept");
    }
    ASSERT_TRUE(done);
    EXPECT_TRUE(storage_->gauges().healthy);
    EXPECT_FALSE(storage_->database().trouble());
    EXPECT_EQ(waiting_texts(), "kept");
}

TEST_F(PostgresAway, ClosesWhileTheServerIsAway) {
    set_log_level(LogLevel::none);
    WaitLoop loop;
    open();
    cluster().stop(SIGQUIT);
    std::optional<ErrorCode> code;
    auto append_one = [&]() -> Task<void> {
        NewLogEntry made = entry("x");
        auto done = co_await log().append(std::move(made));
        code = done ? ErrorCode::denied : done.error().code;
    };
    spawn(append_one());
    storage_.reset();
    EXPECT_TRUE(loop.run_until([&] { return code.has_value(); }, Seconds(3)));
    EXPECT_EQ(code, ErrorCode::unavailable);
}

TEST_F(PostgresAway, AServerThatStandsStillCountsAsGone) {
    set_log_level(LogLevel::none);
    options_.answer_timeout = options_.connect_timeout = options_.patience = Milliseconds(300);
    open();
    ASSERT_TRUE(append("one"));
    cluster().freeze();
    const Result<Appended> refused = append("two");
    cluster().thaw();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::unavailable) << refused.error().message;
    Result<Appended> done = append("three");
    for (int i = 0; i < 100 && !done; ++i) done = append("three");
    ASSERT_TRUE(done);
    EXPECT_EQ(waiting_texts(), "one,three");
}

TEST_F(PostgresAway, AShortStandstillIsOnlyWaitedFor) {
    open();
    cluster().freeze();
    std::thread later([] {
        std::this_thread::sleep_for(Milliseconds(200));
        cluster().thaw();
    });
    EXPECT_TRUE(append("one"));
    later.join();
    EXPECT_EQ(waiting_texts(), "one");
}

// Whatever happens to the server, what was answered is there, once, and what was refused as unavailable is not.
TEST_F(PostgresAway, NothingAnsweredIsLostUnderLoad) {
    set_log_level(LogLevel::none);
    options_.patience = Milliseconds(500);
    open();
    std::atomic<bool> done = false;
    std::mutex mutex;
    std::set<std::string> kept, unknown, refused;
    std::vector<std::thread> writers;
    for (int writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            for (int i = 0; !done; ++i) {
                const std::string text = std::to_string(writer) + "-" + std::to_string(i);
                const Result<Appended> answer = append(text);
                const std::lock_guard lock(mutex);
                auto& fate = answer ? kept : answer.error().code == ErrorCode::unavailable ? refused : unknown;
                fate.insert(text);
            }
        });
    }
    for (int round = 0; round < 4; ++round) {
        std::this_thread::sleep_for(Milliseconds(100));
        for (int i = 0; i < 5; ++i) cluster().ask("postgres", end_connections);
        std::this_thread::sleep_for(Milliseconds(50));
        cluster().stop(round % 2 == 0 ? SIGQUIT : SIGKILL);
        cluster().start();
    }
    std::this_thread::sleep_for(Milliseconds(100));
    done = true;
    for (std::thread& writer : writers) writer.join();
    const std::vector<std::string> rows = ask("SELECT stanza FROM log WHERE waiting = 1");
    const std::set<std::string> there(rows.begin(), rows.end());
    EXPECT_EQ(rows.size(), there.size());
    for (const std::string& text : kept) EXPECT_TRUE(there.contains(text)) << text;
    for (const std::string& text : refused) EXPECT_FALSE(there.contains(text)) << text;
    EXPECT_GT(kept.size(), 50u);
    EXPECT_EQ(ask("SELECT count(*) FROM log WHERE outgoing = 1").front(), std::to_string(rows.size()));
}

}  // namespace
}  // namespace rookery
