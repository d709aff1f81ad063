// docs/rules.md names a file for each rule: a play below tests/scenarios, or a test below tests.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace rookery::test {
namespace {

const std::filesystem::path top = ROOKERY_SOURCE_DIR;

// "| 4.1 | what it says | mam/form.play |": the last cell; empty: no row.
std::string file_in(const std::string& line) {
    if (!line.starts_with("| ") || !line.ends_with(" |")) return {};
    const std::size_t begin = line.rfind("| ", line.size() - 3);
    return line.substr(begin + 2, line.size() - begin - 4);
}

bool is_there(const std::string& file) {
    const bool play = file.ends_with(".play");
    return std::filesystem::is_regular_file(top / (play ? "tests/scenarios" : "tests") / file);
}

TEST(Rules, NameFilesThatExist) {
    std::ifstream rules(top / "docs/rules.md");
    std::size_t rows = 0;
    for (std::string line; std::getline(rules, line);) {
        const std::string file = file_in(line);
        if (file.empty() || file == "shown by") continue;
        ++rows;
        EXPECT_TRUE(is_there(file)) << file;
    }
    EXPECT_GT(rows, 150u);
}

}  // namespace
}  // namespace rookery::test
