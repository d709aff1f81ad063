// Rules of SQL text that a compiler does not see. (That no text is put together at run time, it does: Sql is
// consteval.)
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

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

TEST(SqlLint, OnlyOneFileTalksToSqlite) {
    for (const auto& path : sources("storage")) {
        if (path.filename() == "sqlite_connection.cpp") continue;
        EXPECT_EQ(content(path).find("sqlite3.h"), std::string::npos) << path;
    }
}

TEST(SqlLint, ScriptsRunOnlyInMigrationsAndSettings) {
    const std::string text = content(ROOKERY_SOURCE_DIR "/storage/sql/sqlite_connection.cpp");
    const std::regex call("sqlite3_exec\\(");
    EXPECT_EQ(std::distance(std::sregex_iterator(text.begin(), text.end(), call), std::sregex_iterator()), 2);
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

}  // namespace
}  // namespace rookery
