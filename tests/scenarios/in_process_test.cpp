// Every play against a server in this process: as it stands, with one byte a read on both sides, on two shards, and with
// another program taking over (a live upgrade) before each thing that a client sends.
#include <gtest/gtest.h>

#include <algorithm>

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
    bool upgrades;
};

constexpr Way ways[] = {{"whole", 1, false, false}, {"dribbled", 1, true, false}, {"two_shards", 2, false, false},
                        {"upgraded", 2, false, true}};

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
        options.upgrades = way_.upgrades;
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

bool register_plays() {
    set_log_level(LogLevel::error);  // thousands of logins
    for (const auto& file : find_plays(root))
        for (const Way& way : ways) {
            // The steps of an ad-hoc command are known to one program only.
            if (way.upgrades && file.find("/commands/") != std::string::npos) continue;
            testing::RegisterTest("Play", test_name(file, way).c_str(), nullptr, nullptr, __FILE__, __LINE__,
                                  [file, way]() -> testing::Test* { return new InProcess(file, way); });
        }
    return true;
}

const bool registered = register_plays();

}  // namespace
}  // namespace rookery::test
