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
