// Every play against a server in this process: as it stands, with one byte a read on both sides, and on two shards.
// Those in the file `pending` show what is not built yet.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "base/log.h"
#include "tests/support/play_run.h"
#include "tests/support/test_server.h"

namespace rookery::test {
namespace {

const std::string root = ROOKERY_SOURCE_DIR "/tests/scenarios";

struct Way {
    const char* name;
    unsigned shards;
    bool dribble;
};

constexpr Way ways[] = {{"whole", 1, false}, {"dribbled", 1, true}, {"two_shards", 2, false}};

// Paths below the folder of plays, or folders, one a line.
std::set<std::string> read_pending() {
    std::ifstream in(root + "/pending");
    std::set<std::string> names;
    for (std::string line; std::getline(in, line);)
        if (!line.empty() && line[0] != '#') names.insert(line);
    return names;
}

class InProcess : public testing::Test {
public:
    InProcess(std::string file, Way way) : file_(std::move(file)), way_(way) {}

    void TestBody() override {
        auto loaded = load_play(file_);
        if (const auto* error = std::get_if<PlayError>(&loaded))
            FAIL() << file_ << ":" << error->line << ": " << error->message;
        const Play& play = std::get<Play>(loaded);
        TestServer server(options_for(play));
        PlayPace pace;
        pace.bytes_at_a_time = way_.dribble ? 1 : 0;
        const auto result = run_play(play, server, pace);
        if (result.verdict == PlayResult::Verdict::skipped) GTEST_SKIP() << result.reason;
        if (result.verdict == PlayResult::Verdict::failed) FAIL() << result.reason;
    }

private:
    TestServerOptions options_for(const Play& play) const {
        TestServerOptions options;
        if (play.config) options.config_yaml = play.config->yaml;
        options.shards = way_.shards;
        options.dribble = way_.dribble;
        return options;
    }

    std::string file_;
    Way way_;
};

std::string test_name(const std::string& file, const Way& way) {
    std::string name = file.substr(root.size() + 1, file.size() - root.size() - 1 - std::string(".play").size());
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || c == '-'; }, '_');
    return std::string(way.name) + "_" + name;
}

bool is_pending(const std::set<std::string>& pending, const std::string& file) {
    const std::string name = file.substr(root.size() + 1, file.size() - root.size() - 6);
    return pending.contains(name) || pending.contains(name.substr(0, name.find('/')));
}

bool register_plays() {
    set_log_level(LogLevel::error);  // thousands of logins
    const auto pending = read_pending();
    const bool all = std::getenv("PENDING_PLAYS_TOO") != nullptr;
    for (const auto& file : find_plays(root)) {
        if (!all && is_pending(pending, file)) continue;
        for (const Way& way : ways)
            testing::RegisterTest("Play", test_name(file, way).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                                  [file, way]() -> testing::Test* { return new InProcess(file, way); });
    }
    return true;
}

const bool registered = register_plays();

}  // namespace
}  // namespace rookery::test
