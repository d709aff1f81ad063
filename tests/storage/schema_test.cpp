#include "storage/sql/schema.h"

#include <gtest/gtest.h>

#include "storage/sql/sqlite_connection.h"

namespace rookery {
namespace {

constexpr Migration first{1, "0.1.0", 1, "0.1.0", "CREATE TABLE a (x INTEGER)"};
constexpr Migration second{2, "0.2.0", 1, "0.1.0", "ALTER TABLE a ADD COLUMN y INTEGER; CREATE TABLE b (x INTEGER)"};
constexpr Migration breaking{3, "0.9.0", 3, "0.9.0", "CREATE TABLE c (x INTEGER)"};
constexpr Migration faulty{2, "0.2.0", 1, "0.1.0", "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER)"};

class SchemaTest : public testing::Test {
protected:
    bool has(const char* table) {
        const Statement find("SELECT name FROM sqlite_master WHERE name = ?1", table);
        return !target_->run(find).value().rows.empty();
    }
    std::string meta(const char* key) {
        const Statement find("SELECT value FROM meta WHERE key = ?1", key);
        return target_->run(find).value().rows.at(0, 0).text();
    }
    Result<void> migrate_to(std::vector<Migration> known) { return migrate(*target_, known); }

    std::unique_ptr<SqliteConnection> target_ = SqliteConnection::open_memory().value();
};

TEST_F(SchemaTest, MakesAndUpgradesTables) {
    ASSERT_TRUE(migrate_to({first}));
    EXPECT_EQ(meta("schema"), "1");
    EXPECT_FALSE(has("b"));
    ASSERT_TRUE(migrate_to({first, second}));
    EXPECT_TRUE(has("b"));
    EXPECT_EQ(meta("schema"), "2");
    EXPECT_EQ(meta("program"), "0.2.0");
    EXPECT_EQ(meta("oldest_schema"), "1");
    EXPECT_EQ(meta("oldest_program"), "0.1.0");
    ASSERT_TRUE(migrate_to({first, second}));  // nothing left to do
}

TEST_F(SchemaTest, AnUpgradeCanBeUndone) {
    ASSERT_TRUE(migrate_to({first, second}));
    ASSERT_TRUE(migrate_to({first}));
    EXPECT_EQ(meta("schema"), "2");
}

TEST_F(SchemaTest, RefusesATooNewDatabaseAndNamesBothVersions) {
    ASSERT_TRUE(migrate_to({first, second, breaking}));
    const Result<void> refused = migrate_to({first, second});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "it has schema 3, which needs Rookery 0.9.0 or newer; this program knows schema 2 (Rookery 0.2.0)");
    EXPECT_EQ(meta("schema"), "3");
}

TEST_F(SchemaTest, AHalfDoneMigrationLeavesNothing) {
    ASSERT_TRUE(migrate_to({first}));
    const Result<void> failed = migrate_to({first, faulty, breaking});
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find("migration to schema 2"), std::string::npos) << failed.error().message;
    EXPECT_EQ(meta("schema"), "1");
    EXPECT_FALSE(has("b"));
    EXPECT_FALSE(target_->in_transaction());
    ASSERT_TRUE(migrate_to({first, second}));
}

TEST_F(SchemaTest, RefusesADatabaseOfSomebodyElse) {
    ASSERT_TRUE(target_->run(Sql("CREATE TABLE users (name TEXT)")));
    EXPECT_FALSE(migrate_to({first}));
    EXPECT_FALSE(has("meta"));
}

TEST_F(SchemaTest, TheRealMigrationsAscendAndApply) {
    int expected = 0;
    for (const Migration& migration : migrations()) {
        EXPECT_EQ(migration.schema, ++expected);
        EXPECT_LE(migration.oldest_schema, migration.schema);
    }
    EXPECT_TRUE(migrate(*target_, migrations()));
}

// Schema 1 kept messages for absent accounts in `queue`; in the log they wait as before. Rookery 0.1 works with the
// result, and what it puts into `queue` then comes over at the next start.
class TakeOverTest : public SchemaTest {
protected:
    TakeOverTest() {
        EXPECT_TRUE(migrate(*target_, migrations().first(1)));
        run("INSERT INTO account (domain, local, created) VALUES ('x.example', 'alice', 0), ('x.example', 'bob', 0)");
    }
    void run(Sql sql) { ASSERT_TRUE(target_->run(sql)); }
    void upgrade() { ASSERT_TRUE(migrate(*target_, migrations())); }
    // What schema 1's program did: in milliseconds since 2024.
    void queue(int owner, std::int64_t millisecond, const char* stanza) {
        const Statement insert("INSERT INTO queue (owner, stamp, bytes, stanza) VALUES (?1, ?2, length(?3), ?3)", owner,
                               (millisecond + 1'704'067'200'000) * 1'000, stanza);
        ASSERT_TRUE(target_->run(insert));
        run("UPDATE account SET queue_messages = queue_messages + 1, queue_bytes = queue_bytes + 10");
    }
    std::vector<std::string> waiting(int owner) {
        const Statement select(
            "SELECT stanza FROM log WHERE owner = ?1 AND waiting = 1 AND archived = 0 AND bytes = length(stanza) "
            "AND id > coalesce((SELECT delivered_through FROM log_mark WHERE owner = ?1), 0) ORDER BY id",
            owner);
        Rows rows = target_->run(select).value().rows;
        std::vector<std::string> all;
        for (std::size_t row = 0; row < rows.size(); ++row) all.push_back(rows.at(row, 0).take_text());
        return all;
    }
    std::int64_t number(Sql sql) { return target_->run(sql).value().rows.at(0, 0).integer(); }
    using Texts = std::vector<std::string>;
};

TEST_F(TakeOverTest, WhatWasQueuedWaitsInOrderAndKeepsItsTime) {
    queue(1, 5'000, "1");
    queue(2, 5'000, "bob's");
    queue(1, 5'000, "2");
    queue(1, 4'000, "3");  // a clock that stepped back
    queue(1, 9'000, "4");
    queue(1, -7, "5");  // before 2024
    upgrade();
    EXPECT_EQ(waiting(1), (Texts{"1", "2", "3", "4", "5"}));
    EXPECT_EQ(waiting(2), Texts{"bob's"});
    EXPECT_EQ(number("SELECT min(id) FROM log") >> 22, 5'000);
    EXPECT_EQ(number("SELECT max(id) FROM log") >> 22, 9'000);
    EXPECT_EQ(number("SELECT count(*) FROM queue"), 0);
    EXPECT_EQ(number("SELECT sum(queue_messages + queue_bytes) FROM account"), 0);
    upgrade();  // once
    EXPECT_EQ(waiting(1).size(), 5u);
}

TEST_F(TakeOverTest, AnUpgradeMayBeUndoneForAWhile) {
    queue(1, 5'000, "1");
    upgrade();
    ASSERT_TRUE(migrate(*target_, migrations().first(1)));
    queue(1, 4'000, "2");
    queue(1, 6'000, "3");
    upgrade();
    EXPECT_EQ(waiting(1), (Texts{"1", "2", "3"}));
    EXPECT_EQ(meta("oldest_schema"), "1");
}

TEST_F(TakeOverTest, NothingCountsAsDelivered) {
    upgrade();
    run("INSERT INTO log_mark (owner, delivered_through, searchable_through) VALUES (1, 8000 << 22, 0)");
    queue(1, 5'000, "1");
    upgrade();
    EXPECT_EQ(waiting(1), Texts{"1"});
}

// Every table but these belongs to an account, and loses its rows with it. (log_text: AccountStore::remove)
TEST_F(SchemaTest, EveryTableGoesWithItsAccount) {
    ASSERT_TRUE(migrate(*target_, migrations()));
    const Statement without_owner(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND name NOT IN ('account', 'meta') AND name NOT LIKE 'log_text%' AND sql NOT LIKE "
        "'%owner INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE%'");
    Rows rows = target_->run(without_owner).value().rows;
    for (std::size_t row = 0; row < rows.size(); ++row) ADD_FAILURE() << rows.at(row, 0).text();
}

}  // namespace
}  // namespace rookery
