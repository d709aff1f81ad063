// Rules of SQL text that a compiler does not see. (That no text is put together at run time, it does: Sql is
// consteval.)
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "storage/sql/copy.h"

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
    std::string text;
};

// What stands behind `constexpr Sql name = ...;`, and SQLite's half of `constexpr Sql name{..., ...};`.
std::vector<NamedSql> statements_of(const std::filesystem::path& path) {
    const std::string text = content(path);
    const std::regex declaration("constexpr Sql (\\w+)(?: =|\\{)\\s*((?:\"[^\"]*\"\\s*)+)[;,]");
    const std::regex literal("\"([^\"]*)\"");
    std::vector<NamedSql> found;
    for (std::sregex_iterator at(text.begin(), text.end(), declaration), end; at != end; ++at) {
        const std::string pieces = (*at)[2];
        std::string sql;
        for (std::sregex_iterator piece(pieces.begin(), pieces.end(), literal); piece != end; ++piece)
            sql += (*piece)[1];
        found.push_back(NamedSql{(*at)[1], sql});
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
