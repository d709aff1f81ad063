// Backup, restore and migration: nothing is missing, nothing is changed, nothing is overwritten.
#include "storage/backup.h"

#include <gmock/gmock.h>

#include <fstream>
#include <random>
#include <regex>
#include <set>

#include "storage/sql/postgres_connection.h"
#include "storage/sql/sqlite_connection.h"
#include "tests/storage/contract.h"

namespace rookery {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Names = std::set<std::string>;

void quietly(std::string_view, std::uint64_t) {}

template <class Work>
std::string refusal(Work work) {
    try {
        work();
        return "it succeeded";
    } catch (const std::runtime_error& error) {
        return error.what();
    }
}

std::unique_ptr<SqliteConnection> writer_on(const std::string& path) {
    { std::ofstream made(path, std::ios::app); }
    auto connection = SqliteConnection::open(SqliteOptions(path), SqliteConnection::Role::writer).value();
    EXPECT_TRUE(migrate(*connection, migrations()));
    return connection;
}

Names first_column(const Rows& rows) {
    Names names;
    for (std::size_t row = 0; row < rows.size(); ++row) names.insert(rows.at(row, 0).text());
    return names;
}

Names without(Names names, const Names& others) {
    for (const std::string& other : others) names.erase(other);
    return names;
}

std::string joined(const Names& names) {
    std::string text;
    for (const std::string& name : names) text += name + ", ";
    return text;
}

// "INSERT INTO account (id, domain) VALUES ..." has id and domain.
Names columns_in(const char* insert) {
    std::cmatch found;
    std::regex_search(insert, found, std::regex("\\(([^)]*)\\)"));
    Names names;
    const std::string list = found[1];
    const std::regex word("\\w+");
    for (std::sregex_iterator at(list.begin(), list.end(), word), end; at != end; ++at) names.insert(at->str());
    return names;
}

// --- every table, every column
// -----------------------------------------------------------------------------------------

// A new table has to be copied, or named here with the reason why not.
TEST(CopiedTables, AreThoseOfTheSchema) {
    Names copied;
    for (const CopiedTable& table : copied_tables()) copied.insert(table.name);
    const auto target = SqliteConnection::open_memory().value();
    ASSERT_TRUE(migrate(*target, migrations()));
    const Sql all(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE "
        "'log_text_%'");
    const Names not_copied = {"meta" /* made with the tables */, "queue" /* emptied at each start */,
                              "log_text" /* made anew */};
    EXPECT_EQ(joined(without(first_column(target->run(all).value().rows), not_copied)), joined(copied));

    PostgresCluster& cluster = PostgresCluster::shared();
    const std::string database = cluster.emptied_database();
    { open_postgres_database(cluster.options(database)); }
    const auto there = cluster.ask(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
    EXPECT_EQ(joined(without(Names(there.begin(), there.end()), not_copied)), joined(copied));
}

TEST(CopiedTables, HaveTheColumnsOfTheSchema) {
    const auto target = SqliteConnection::open_memory().value();
    ASSERT_TRUE(migrate(*target, migrations()));
    PostgresCluster& cluster = PostgresCluster::shared();
    const std::string database = cluster.emptied_database();
    { open_postgres_database(cluster.options(database)); }
    const Names of_old_files = {"queue_messages", "queue_bytes"};
    for (const CopiedTable& table : copied_tables()) {
        const std::string name = table.name;
        const Names copied = columns_in(table.insert.sqlite());
        const Statement all("SELECT name FROM pragma_table_info(?1)", name);
        EXPECT_EQ(joined(without(first_column(target->run(all).value().rows), of_old_files)), joined(copied)) << name;
        const auto there =
            cluster.ask(database, "SELECT column_name FROM information_schema.columns WHERE table_name = '" + name +
                                      "' AND table_schema = 'public'");
        EXPECT_EQ(joined(Names(there.begin(), there.end())), joined(copied)) << name;
    }
}

// --- there and back
// ----------------------------------------------------------------------------------------------------

class BackupTest : public testing::Test {
protected:
    std::size_t pick(std::size_t below) { return chance_() % below; }
    bool coin() { return pick(2) == 0; }

    std::string text(std::size_t pieces) {
        static const std::string known[] = {"'",  "\"", "\\",   "\\x",  "%",    "?1",      "$1",     "\n",
                                            "\r", "\t", "\x7f", "ä",    "🐦",    "e\u0301", "\u200b", "\xef\xbf\xbf",
                                            "a",  "A",  " ",    "NULL", "<b/>", "&amp;"};
        std::string made;
        for (; pieces > 0; --pieces) made += known[pick(std::size(known))];
        return made;
    }
    std::string bytes() {
        std::string made(pick(40), '\0');
        for (char& byte : made) byte = static_cast<char>(pick(256));
        return made;
    }
    std::int64_t number() {
        static const std::int64_t known[] = {0,
                                             1,
                                             -1,
                                             std::numeric_limits<std::int64_t>::max(),
                                             std::numeric_limits<std::int64_t>::min(),
                                             1'795'000'000'000'000};
        return known[pick(std::size(known))];
    }
    SqlValue or_null(SqlValue value) { return coin() ? std::move(value) : SqlValue(); }

    template <class... Values>
    void put(SchemaTarget& target, Sql sql, Values&&... values) {
        const auto done = target.run(Statement(sql, std::forward<Values>(values)...));
        ASSERT_TRUE(done) << done.error().message;
    }

    // Rows of every kind, more than a page of each.
    void fill(const std::string& path, int accounts) {
        const auto target = writer_on(path);
        put(*target, "BEGIN");
        std::int64_t id = 4'000'000'000'000'000;
        for (int owner = 1; owner <= accounts; ++owner) {
            put(*target,
                "INSERT INTO account (domain, local, created, disabled_reason, last_at, last_status, roster_version, "
                "roster_forgotten, document_version) "
                "VALUES ('x.example', ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                owner == 1 ? std::string() : "u" + std::to_string(owner) + text(2), number(), or_null(text(3)),
                or_null(number()), or_null(text(3)), number(), number(), number());
            for (int hash : {1, 256, 512})
                put(*target, "INSERT INTO scram_key VALUES (?1, ?2, ?3, ?4, ?5, ?6)", owner, hash, Blob(bytes()),
                    number(), Blob(bytes()), Blob(bytes()));
            for (std::size_t i = pick(5); i > 0; --i) {
                const std::string unique = std::to_string(i);
                put(*target, "INSERT INTO roster_item VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", owner,
                    text(3) + unique, number(), coin(), number(), coin(), coin(), text(4), text(2) + "\x1f" + text(2));
                put(*target, "INSERT INTO roster_request VALUES (?1, ?2, ?3, ?4)", owner, text(3) + unique, number(),
                    text(5));
                put(*target, "INSERT INTO document VALUES (?1, ?2, ?3, ?4, ?5)", owner, text(3) + unique, number(),
                    number(), text(pick(40)));
                put(*target,
                    "INSERT INTO log (id, owner, peer, peer_resource, peer_hash, outgoing, archived, waiting, origin, "
                    "bytes, stanza) "
                    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                    id += 1 + pick(1'000'000), owner, text(2), text(2), pick(1u << 31), coin(), coin(), coin(),
                    or_null(number()), number(), text(pick(60)));
                put(*target, "INSERT INTO log_delivered VALUES (?1, ?2)", owner,
                    number() / 2 + static_cast<std::int64_t>(i));
            }
            if (coin()) put(*target, "INSERT INTO log_mark VALUES (?1, ?2, 7)", owner, id);
        }
        put(*target, "INSERT INTO document VALUES (1, 'large', 1, 1, ?1)", text(400'000));
        put(*target, "DELETE FROM account WHERE id = ?1", accounts);  // the highest id was given out all the same
        put(*target, "COMMIT");
    }

    // All that a file holds, as texts; without the one column that is made anew.
    std::vector<std::string> dump(const std::string& path) {
        const auto connection = SqliteConnection::open_to_read(path).value();
        std::vector<std::string> lines;
        for (const CopiedTable& table : copied_tables()) {
            Statement page(table.page);
            for (const char key : std::string_view(table.keys))
                page.add(key == 'i' ? SqlValue(std::numeric_limits<std::int64_t>::min()) : SqlValue(""));
            page.add(SqlValue(1'000'000));
            const Rows rows = connection->run(page).value().rows;
            for (std::size_t row = 0; row < rows.size(); ++row) {
                std::string line = table.name;
                for (std::size_t column = 0; column < rows.columns(); ++column) {
                    const SqlValue& value = rows.at(row, column);
                    line += value.is_null()      ? "|null"
                            : value.if_integer() ? "|" + std::to_string(value.integer())
                            : value.if_blob()    ? "|x" + value.blob()
                                                 : "|'" + value.text() + "'";
                }
                lines.push_back(std::move(line));
            }
        }
        return lines;
    }

    std::string file(const std::string& name) { return directory_.file(name); }
    PostgresOptions new_postgres() {
        PostgresOptions options = PostgresCluster::shared().options(PostgresCluster::shared().new_database());
        options.connect_timeout = Milliseconds(300);
        return options;
    }
    std::string one(const PostgresOptions& options, const std::string& sql) {
        return PostgresCluster::shared().ask(options.database, sql).at(0);
    }

    TempDir directory_;
    std::mt19937 chance_{20261122};
};

TEST_F(BackupTest, EverythingGoesToPostgresAndComesBack) {
    fill(file("a.db"), 300);
    const std::vector<std::string> before = dump(file("a.db"));
    ASSERT_GT(before.size(), 3'000u);
    const PostgresOptions server = new_postgres();
    const TableSums there = move_to_postgres(SqliteOptions(file("a.db")), server, quietly);
    EXPECT_EQ(there.front().rows, 299u);
    EXPECT_EQ(one(server, "INSERT INTO account (domain, local, created) VALUES ('y', 'new', 0) RETURNING id"), "301");
    one(server, "DELETE FROM account WHERE id = 301 RETURNING id");
    EXPECT_EQ(one(server, "SELECT max(searchable_through) FROM log_mark"), "0");
    const TableSums back = move_to_sqlite(server, SqliteOptions(file("b.db")), quietly);
    EXPECT_EQ(there, back);
    EXPECT_EQ(dump(file("b.db")), before);
    EXPECT_EQ(dump(file("a.db")), before);
    const auto again = writer_on(file("b.db"));
    EXPECT_EQ(
        again->run(Statement(Sql("INSERT INTO account (domain, local, created) VALUES ('y', 'new', 0) RETURNING id")))
            .value()
            .rows.at(0, 0)
            .integer(),
        302);
}

TEST_F(BackupTest, ABackupIsTheSameFromEitherEngineAndCanBeRestoredToEither) {
    fill(file("a.db"), 40);
    const std::vector<std::string> before = dump(file("a.db"));
    back_up(SqliteOptions(file("a.db")), file("copy.db"), quietly);
    EXPECT_EQ(dump(file("copy.db")), before);
    EXPECT_EQ(verify(file("copy.db"), quietly).tables.front().rows, 39u);
    const PostgresOptions server = new_postgres();
    restore(file("copy.db"), server, file("kept.db"), quietly);
    EXPECT_FALSE(fs::exists(file("kept.db")));  // there was nothing
    back_up(server, file("copy2.db"), quietly);
    EXPECT_EQ(dump(file("copy2.db")), before);
    restore(file("copy2.db"), SqliteOptions(file("new.db")), file("kept.db"), quietly);
    EXPECT_EQ(dump(file("new.db")), before);
    const auto storage = open_sqlite(file("new.db"));  // a server takes it
    EXPECT_EQ((fs::status(file("copy.db")).permissions() & fs::perms::others_all), fs::perms::none);
}

TEST_F(BackupTest, WhatARestoreReplacesIsKept) {
    fill(file("a.db"), 5);
    fill(file("b.db"), 9);
    const std::vector<std::string> a = dump(file("a.db")), b = dump(file("b.db"));
    back_up(SqliteOptions(file("a.db")), file("copy.db"), quietly);
    restore(file("copy.db"), SqliteOptions(file("b.db")), file("kept.db"), quietly);
    EXPECT_EQ(dump(file("b.db")), a);
    EXPECT_EQ(dump(file("kept.db")), b);
    const PostgresOptions server = new_postgres();
    move_to_postgres(SqliteOptions(file("kept.db")), server, quietly);
    restore(file("copy.db"), server, file("kept2.db"), quietly);
    EXPECT_EQ(dump(file("kept2.db")), b);
    back_up(server, file("copy3.db"), quietly);
    EXPECT_EQ(dump(file("copy3.db")), a);
}

// A client that was away meanwhile goes on where it was, and finds its words.
TEST_F(BackupTest, IdsVersionsAndSearchesGoOn) {
    const Jid alice = jid("alice@x.example"), bob = jid("bob@x.example");
    std::uint64_t id = 0, version = 0;
    const auto search = [&](Storage& storage) {
        ArchiveFilter filter;
        filter.text = "wherefore";
        const ArchivePage page = run_now(storage.stores().archive.query(alice, filter, PageRequest(10))).value();
        return page.messages.empty() ? 0 : page.messages.front().id;
    };
    const auto append = [&](Storage& storage) {
        LogCopy copy(alice, bob);
        copy.archived = copy.waiting = true;
        NewLogEntry entry(copy, "<message xmlns='jabber:client'><body>Wherefore art thou</body></message>");
        return run_now(storage.stores().log.append(std::move(entry))).value().id;
    };
    {
        const auto storage = open_sqlite(file("a.db"));
        run_now(storage->stores().accounts.create(alice, {}, at_second(1))).value();
        id = append(*storage);
        version = run_now(storage->stores().roster.put(alice, RosterItem(bob), 10)).value();
        EXPECT_EQ(search(*storage), id);
    }
    const PostgresOptions server = new_postgres();
    move_to_postgres(SqliteOptions(file("a.db")), server, quietly);
    const auto storage = open_postgres(server);
    EXPECT_EQ(search(*storage), id);
    EXPECT_EQ(run_now(storage->stores().log.load_waiting(alice, 0, 10)).value().at(0).id, id);
    EXPECT_TRUE(run_now(storage->stores().roster.load_since(alice, version)).value()->changed.empty());
    EXPECT_GT(append(*storage), id);
}

// One moment: both rows of every message or neither, while they are written.
TEST_F(BackupTest, ABackupOfAServerAtWorkIsOneMoment) {
    const PostgresOptions server = new_postgres();
    const StorageOptions places[] = {SqliteOptions(file("live.db")), server};
    for (const StorageOptions& place : places) {
        const std::unique_ptr<Storage> storage = open_storage(place);
        AccountStore& accounts = storage->stores().accounts;
        std::atomic<bool> done = false;
        std::thread writing([&] {
            for (int i = 0; !done; ++i) {
                std::vector<Statement> both;
                const std::string name = "u" + std::to_string(i);
                both.emplace_back(Sql("INSERT INTO account (domain, local, created) VALUES ('x', ?1, 0)"), name);
                both.emplace_back(Sql("INSERT INTO document SELECT id, 'k', 1, 1, local FROM account WHERE local = ?1"),
                                  name);
                run_now(storage->database().write(std::move(both))).value();
            }
        });
        for (int i = 0; i < 5; ++i) {
            const std::string copy = file("copy" + std::to_string(place.index()) + std::to_string(i) + ".db");
            while (run_now(accounts.count("x")).value() < static_cast<std::uint64_t>(i) * 10) std::this_thread::yield();
            const TableSums tables = back_up(place, copy, quietly);
            EXPECT_EQ(tables[0].table, "account");
            EXPECT_EQ(tables[4].table, "document");
            EXPECT_EQ(tables[0].rows, tables[4].rows);
            EXPECT_GE(tables[0].rows, static_cast<std::uint64_t>(i) * 10);
            EXPECT_EQ(verify(copy, quietly).tables, tables);
        }
        done = true;
        writing.join();
    }
}

TEST_F(BackupTest, NothingIsOverwritten) {
    fill(file("a.db"), 3);
    const SqliteOptions a(file("a.db"));
    std::ofstream(file("taken")) << "mine";
    EXPECT_THAT(refusal([&] { back_up(a, file("taken"), quietly); }),
                HasSubstr("taken: it is there already; name another file"));
    EXPECT_THAT(refusal([&] { back_up(a, "/nonexistent/x", quietly); }), HasSubstr("No such file"));
    EXPECT_THAT(refusal([&] { back_up(SqliteOptions(file("absent")), file("x"), quietly); }),
                HasSubstr("absent: there is no such file"));
    std::ofstream(file("half.partial")) << "";
    EXPECT_THAT(refusal([&] { back_up(a, file("half"), quietly); }), HasSubstr("somebody writes it now"));
    const PostgresOptions server = new_postgres();
    move_to_postgres(a, server, quietly);
    EXPECT_THAT(refusal([&] { move_to_postgres(a, server, quietly); }), HasSubstr("it has accounts already"));
    EXPECT_THAT(refusal([&] { move_to_sqlite(server, a, quietly); }), HasSubstr("a.db: it is there already"));
    EXPECT_THAT(refusal([&] { restore(file("taken"), a, file("kept"), quietly); }), HasSubstr("taken"));
    EXPECT_FALSE(fs::exists(file("kept")));
}

TEST_F(BackupTest, NothingIsReplacedUnderAServer) {
    fill(file("a.db"), 3);
    back_up(SqliteOptions(file("a.db")), file("copy.db"), quietly);
    const PostgresOptions server = new_postgres();
    const auto on_file = open_sqlite(file("live.db"));
    const auto on_server = open_postgres(server);
    EXPECT_THAT(refusal([&] { restore(file("copy.db"), SqliteOptions(file("live.db")), file("kept"), quietly); }),
                HasSubstr("another process uses it"));
    EXPECT_THAT(refusal([&] { restore(file("copy.db"), server, file("kept"), quietly); }),
                HasSubstr("another server uses it"));
    EXPECT_THAT(refusal([&] { move_to_postgres(SqliteOptions(file("live.db")), server, quietly); }),
                HasSubstr("another process uses it"));
    EXPECT_THAT(refusal([&] { move_to_sqlite(server, SqliteOptions(file("new.db")), quietly); }),
                HasSubstr("another server uses it"));
    EXPECT_FALSE(fs::exists(file("kept")));
    EXPECT_FALSE(fs::exists(file("new.db")));
}

TEST_F(BackupTest, DamageIsFoundAndNotRestored) {
    fill(file("a.db"), 60);
    back_up(SqliteOptions(file("a.db")), file("copy.db"), quietly);
    const auto size = fs::file_size(file("copy.db"));
    int found = 0;
    for (int i = 0; i < 20; ++i) {
        fs::copy_file(file("copy.db"), file("bad.db"), fs::copy_options::overwrite_existing);
        std::fstream bad(file("bad.db"), std::ios::in | std::ios::out | std::ios::binary);
        bad.seekp(static_cast<std::streamoff>(pick(size / 4096)) * 4096);
        bad << std::string(64, '\xa5');  // the header of a page
        bad.close();
        if (refusal([&] { verify(file("bad.db"), quietly); }) != "it succeeded") ++found;
    }
    EXPECT_GT(found, 10);  // a page in the middle of a large text has no header
    fs::resize_file(file("bad.db"), size / 2);
    EXPECT_THAT(refusal([&] { restore(file("bad.db"), SqliteOptions(file("a.db")), file("kept"), quietly); }),
                HasSubstr("bad.db"));
    EXPECT_FALSE(fs::exists(file("kept")));
    std::ofstream(file("no.db")) << "this is no database";
    EXPECT_THAT(refusal([&] { verify(file("no.db"), quietly); }), HasSubstr("not a database"));
    const auto orphan = SqliteConnection::open_to_fill(file("copy.db")).value();
    put(*orphan, "PRAGMA foreign_keys = OFF");
    put(*orphan, "INSERT INTO document VALUES (999, 'x', 1, 1, 'x')");
    EXPECT_THAT(refusal([&] { verify(file("copy.db"), quietly); }), HasSubstr("a row of document belongs to nobody"));
}

// A backup of Rookery 0.1, with messages in its queue; and one that is newer than the program.
TEST_F(BackupTest, OldFilesAreBroughtUpToDateAndNewerOnesRefused) {
    { std::ofstream made(file("old.db")); }
    const auto old = SqliteConnection::open_to_fill(file("old.db")).value();
    ASSERT_TRUE(migrate(*old, migrations().first(1)));
    put(*old, "INSERT INTO account (domain, local, created) VALUES ('x.example', 'alice', 0)");
    put(*old, "INSERT INTO queue (owner, stamp, bytes, stanza) VALUES (1, 1795000000000000, 3, 'abc')");
    EXPECT_EQ(verify(file("old.db"), quietly).schema, 1);
    EXPECT_THAT(refusal([&] { back_up(SqliteOptions(file("old.db")), file("x"), quietly); }),
                HasSubstr("start this one on it first"));
    restore(file("old.db"), SqliteOptions(file("new.db")), file("kept"), quietly);
    EXPECT_THAT(dump(file("new.db")), testing::Contains(HasSubstr("'abc'")));
    EXPECT_FALSE(fs::exists(file("kept.upgraded")));
    // The upgrade was undone for a while.
    const auto mixed = writer_on(file("mixed.db"));
    put(*mixed, "INSERT INTO account (domain, local, created) VALUES ('x.example', 'alice', 0)");
    put(*mixed, "INSERT INTO queue (owner, stamp, bytes, stanza) VALUES (1, 1795000000000000, 3, 'def')");
    restore(file("mixed.db"), SqliteOptions(file("new.db")), file("kept"), quietly);
    EXPECT_THAT(dump(file("new.db")), testing::Contains(HasSubstr("'def'")));
    put(*mixed, "UPDATE meta SET value = '99' WHERE key = 'schema'");
    EXPECT_THAT(refusal([&] { verify(file("mixed.db"), quietly); }),
                HasSubstr("it has schema 99, which a newer Rookery made"));
}

// What fails in the middle leaves nothing: here a text that PostgreSQL does not take.
TEST_F(BackupTest, AFailedMigrationLeavesNothing) {
    fill(file("a.db"), 20);
    put(*writer_on(file("a.db")), "INSERT INTO document VALUES (1, 'bad', 1, 1, CAST(x'ff' AS TEXT))");
    const PostgresOptions server = new_postgres();
    EXPECT_THAT(refusal([&] { move_to_postgres(SqliteOptions(file("a.db")), server, quietly); }),
                HasSubstr("table document: "));
    EXPECT_EQ(one(server, "SELECT count(*) FROM account"), "0");
    put(*writer_on(file("a.db")), "DELETE FROM document WHERE key = 'bad'");
    EXPECT_EQ(move_to_postgres(SqliteOptions(file("a.db")), server, quietly).front().rows, 19u);
}

}  // namespace
}  // namespace rookery
