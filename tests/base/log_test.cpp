#include "base/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace rookery {
namespace {

std::vector<std::string> lines;

class Log : public testing::Test {
protected:
    void SetUp() override {
        lines.clear();
        log_to_function([](std::string_view line) { lines.emplace_back(line); });
        set_log_level(LogLevel::info);
    }
    void TearDown() override {
        set_log_level(LogLevel::info);
        log_to_function(nullptr);
    }
    // The line without its time.
    static std::string rest(const std::string& line) { return line.substr(line.find(' ') + 1); }
};

TEST_F(Log, WritesTimeLevelEventAndFields) {
    log_info("session_bound", {{"jid", "a@b/c"}, {"count", 3}, {"secure", true}, {"load", 0.5}});
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_TRUE(std::regex_match(
        lines[0],
        std::regex(
            R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info session_bound jid=a@b/c count=3 secure=true load=0.5)")))
        << lines[0];
}

TEST_F(Log, O10EscapesWhatCouldForgeALine) {
    log_warning(
        "x", {{"name", "a\n2026-01-01T00:00:00.000Z info forged\x1b[31m\x7f"}, {"empty", ""}, {"q", "say \"hi\" \\"}});
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(rest(lines[0]),
              R"(warning x name="a\n2026-01-01T00:00:00.000Z info forged\x1b[31m\x7f" empty="" q="say \"hi\" \\")");
}

TEST_F(Log, O10EscapesC1ControlsAndBidiMarks) {
    log_info("x", {{"a", "\xC2\x9B"}, {"b", "\xE2\x80\xAEtxt"}, {"c", "\xC3\xA9"}, {"bad", "\x9B\xC3\xA9"}});
    EXPECT_EQ(rest(lines.at(0)), "info x a=\"\\xc2\\x9b\" b=\"\\xe2\\x80\\xaetxt\" c=\xC3\xA9 bad=\"\\x9b\\xc3\\xa9\"");
}

TEST_F(Log, CutsLongValuesAtACharacter) {
    log_info("x", {{"v", std::string(511, 'a') + "\xC3\xA9" + std::string(1000, 'b')}});
    EXPECT_EQ(rest(lines.at(0)), "info x v=" + std::string(511, 'a') + "...");
}

TEST_F(Log, LevelsBelowAreNotWritten) {
    set_log_level(LogLevel::error);
    log_warning("no");
    log_error("yes");
    set_log_level(LogLevel::none);
    log_critical("no");
    ASSERT_EQ(lines.size(), 1u);
    EXPECT_EQ(rest(lines[0]), "error yes");
    EXPECT_FALSE(log_enabled(LogLevel::critical));
}

std::string read_all(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
}

TEST_F(Log, WritesToAFileAndReopensItAfterRotation) {
    const std::filesystem::path path = testing::TempDir() + "/rookery_log_" + std::to_string(getpid());
    const std::filesystem::path rotated = path.string() + ".1";
    log_to_file(path.string());
    log_to_function(nullptr);  // back to stderr ends the file ...
    log_to_file(path.string());
    log_info("before");
    std::filesystem::rename(path, rotated);
    log_info("still_old");
    log_reopen();
    log_info("after");
    EXPECT_NE(read_all(rotated).find("info still_old\n"), std::string::npos);
    EXPECT_NE(read_all(path).find("info after\n"), std::string::npos);
    EXPECT_EQ(read_all(path).find("still_old"), std::string::npos);
    std::filesystem::remove(path);
    std::filesystem::remove(rotated);
}

TEST_F(Log, SaysWhenTheFileCannotBeOpened) {
    EXPECT_THROW(log_to_file("/proc/no/such/log"), std::runtime_error);
    log_info("goes_on");
    EXPECT_EQ(lines.size(), 1u);
}

}  // namespace
}  // namespace rookery
