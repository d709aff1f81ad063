// Rules of SQL text that a compiler does not see. (That no text is put together at run time, it does: Sql is
// consteval.)
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "storage/sql/copy.h"
#include "tests/support/postgres_cluster.h"

namespace rookery {
namespace {

std::vector<std::filesystem::path> sources(const char* folder) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(std::string(ROOKERY_SOURCE_DIR "/") + folder)) {
        const std::string extension = entry.path().extension();
        if (extension == ".cpp" || extension == ".h") found.push_back(entry.path());
    }
    return found;
}

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

TEST(SqlLint, OnlyOneFileTalksToEachEngine) {
    for (const auto& path : sources("storage")) {
        const std::string text = content(path);
        EXPECT_EQ(text.find("<sqlite3.h>") != std::string::npos, path.filename() == "sqlite_connection.cpp") << path;
        EXPECT_EQ(text.find("<libpq-fe.h>") != std::string::npos, path.filename() == "postgres_connection.cpp") << path;
    }
}

TEST(SqlLint, ScriptsRunOnlyInMigrationsAndSettings) {
    const std::string text = content(ROOKERY_SOURCE_DIR "/storage/sql/sqlite_connection.cpp");
    const std::regex call("sqlite3_exec\\(");
    EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), call), std::sregex_iterator()), 1);
}

TEST(SqlLint, PlaceholdersAreNumbered) {
    const std::regex literal("\"([^\"\\\\]|\\\\.)*\"");
    const std::regex bare("\\?[^1-9]");
    for (const auto& path : sources("storage")) {
        if (path.extension() != ".cpp") continue;
        const std::string text = content(path);
        for (std::sregex_iterator found(text.begin(), text.end(), literal), end; found != end; ++found) {
            EXPECT_FALSE(std::regex_search(found->str(), bare)) << path << ": " << found->str();
        }
    }
}

struct NamedSql {
    std::string name;
    std::string text;      // SQLite's
    std::string postgres;  // the same, unless there are two
};

std::string joined_literals(const std::string& pieces) {
    const std::regex literal("\"([^\"]*)\"");
    std::string sql;
    for (std::sregex_iterator piece(pieces.begin(), pieces.end(), literal), end; piece != end; ++piece) sql += (*piece)[1];
    return sql;
}

// What stands behind `constexpr Sql name = ...;` and in `constexpr Sql name{..., ...};`.
std::vector<NamedSql> statements_of(const std::filesystem::path& path) {
    const std::string text = content(path);
    const std::string literals = "((?:\"[^\"]*\"\\s*)+)";
    const std::regex declaration("constexpr Sql (\\w+)(?: =|\\{)\\s*" + literals + "(?:;|\\};|,\\s*" + literals + "\\};)");
    std::vector<NamedSql> found;
    for (std::sregex_iterator at(text.begin(), text.end(), declaration), end; at != end; ++at) {
        const std::string sqlite = joined_literals((*at)[2]), postgres = joined_literals((*at)[3]);
        found.push_back(NamedSql{(*at)[1], sqlite, postgres.empty() ? sqlite : postgres});
    }
    return found;
}

std::string sqlite_plan(sqlite3* handle, const std::string& sql) {
    std::string plan;
    const auto note = [](void* into, int, char** columns, char**) {
        *static_cast<std::string*>(into) += std::string(columns[3]) + "\n";
        return 0;
    };
    const std::string explain = "EXPLAIN QUERY PLAN " + sql;
    EXPECT_EQ(sqlite3_exec(handle, explain.c_str(), note, &plan, nullptr), SQLITE_OK) << sql << ": " << sqlite3_errmsg(handle);
    return plan;
}

// Tables grow with the number of accounts: a statement that walks through one of them would stop the server some day.
TEST(SqlLint, EveryStatementFindsItsRowsByAnIndex) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &handle), SQLITE_OK);
    for (const Migration& migration : migrations()) sqlite3_exec(handle, migration.sqlite, nullptr, nullptr, nullptr);
    int checked = 0;
    for (const auto& path : sources("storage")) {
        if (!path.string().ends_with("_store.cpp") && path.filename() != "log_text.h") continue;
        for (const NamedSql& sql : statements_of(path)) {
            ++checked;
            const std::string plan = sqlite_plan(handle, sql.text);
            // `old` is a slice of bounded size, a subquery is what another line finds; FTS5 is asked by words (M) or
            // id (=).
            const std::regex scan("SCAN (?!old\\b|CONSTANT|\\(subquery|log_text VIRTUAL TABLE INDEX \\d+:[M=])");
            EXPECT_FALSE(std::regex_search(plan, scan)) << path << " " << sql.name << ":\n" << plan;
            // Whoever asks about one account shall not pass over the messages of all.
            const std::regex of_all("log USING (COVERING )?INDEX log_unarchived|log USING INTEGER PRIMARY KEY .rowid[<>]");
            if (sql.text.find("local = ?2") == std::string::npos) continue;
            EXPECT_FALSE(std::regex_search(plan, of_all)) << path << " " << sql.name << ":\n" << plan;
        }
    }
    sqlite3_close(handle);
    EXPECT_GT(checked, 30);
}

// PostgreSQL, where it is told to avoid them, reads a whole table only if there is no index. Its plan for values it does
// not know yet.
std::string postgres_plan(const PostgresCluster& cluster, const std::string& database, std::string sql) {
    std::replace(sql.begin(), sql.end(), '?', '$');
    int values = 0;
    const std::regex placeholder("\\$(\\d+)");
    for (std::sregex_iterator at(sql.begin(), sql.end(), placeholder), end; at != end; ++at)
        values = std::max(values, std::stoi((*at)[1]));
    std::string nulls, types;
    for (int i = 1; i <= values; ++i) {
        const std::string value = "\\$" + std::to_string(i) + "\\b";
        const bool number = std::regex_search(sql, std::regex(value + " [-+]|[-+] " + value));
        types += (i == 1 ? "(" : ", ") + std::string(number ? "bigint" : "unknown");  // unknown: to be found out
        nulls += i == 1 ? "(NULL" : ", NULL";
    }
    if (values > 0) types += ")", nulls += ")";
    const std::string settings = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan; ";
    std::string plan;
    for (const std::string& line : cluster.ask(database, settings + "PREPARE one " + types + " AS " + sql + "; EXPLAIN EXECUTE one" + nulls))
        plan += line + "\n";
    return plan;
}

TEST(SqlLint, EveryStatementFindsItsRowsByAnIndexOfPostgres) {
    PostgresCluster& cluster = PostgresCluster::shared();
    const std::string database = cluster.emptied_database();
    { open_postgres_database(cluster.options(database)); }
    const std::regex scan("Seq Scan on (account|scram_key|roster|document|log)|Index (Only )?Scan[^\n]*\n(?! *Index Cond)");
    for (const char* walks : {"SELECT body FROM document WHERE body = ?1", "SELECT id FROM log WHERE peer = ?1 ORDER BY id"})
        ASSERT_TRUE(std::regex_search(postgres_plan(cluster, database, walks), scan)) << walks;
    int checked = 0;
    for (const auto& path : sources("storage")) {
        if (!path.string().ends_with("_store.cpp") && path.filename() != "log_text.h") continue;
        for (const NamedSql& sql : statements_of(path)) {
            ++checked;
            const std::string plan = postgres_plan(cluster, database, sql.postgres);
            EXPECT_FALSE(std::regex_search(plan, scan)) << path << " " << sql.name << ":\n" << plan;
        }
    }
    EXPECT_GT(checked, 30);
    for (const CopiedTable& table : copied_tables()) {
        const std::string plan = postgres_plan(cluster, database, table.page.postgres());
        EXPECT_EQ(plan.find("Sort"), std::string::npos) << table.name << ":\n" << plan;
        EXPECT_NE(plan.find("Index Cond"), std::string::npos) << table.name << ":\n" << plan;
    }
}

// Each page of a copy begins where the one before ended.
TEST(SqlLint, CopiesGoAlongAnIndex) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(":memory:", &handle), SQLITE_OK);
    for (const Migration& migration : migrations()) sqlite3_exec(handle, migration.sqlite, nullptr, nullptr, nullptr);
    for (const CopiedTable& table : copied_tables()) {
        const std::string plan = sqlite_plan(handle, table.page.sqlite());
        EXPECT_NE(plan.find("SEARCH"), std::string::npos) << table.name << ":\n" << plan;
        EXPECT_EQ(plan.find("TEMP B-TREE"), std::string::npos) << table.name << ":\n" << plan;
    }
    sqlite3_close(handle);
}

}  // namespace
}  // namespace rookery
