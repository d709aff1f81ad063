#include "server/config_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "server/yaml.h"

namespace rookery {
namespace {

// Files and environment in memory.
struct World {
    std::map<std::string, std::string> files, environment;

    ConfigWorld world() const {
        ConfigWorld made;
        made.read_file = [this](const std::string& path) -> Result<std::string> {
            const auto found = files.find(path);
            if (found == files.end()) return Error(ErrorCode::not_found, "cannot read " + path);
            return found->second;
        };
        made.environment = [this](const std::string& name) -> std::optional<std::string> {
            const auto found = environment.find(name);
            return found == environment.end() ? std::nullopt : std::optional(found->second);
        };
        made.hostname = "box";
        made.version = "1.2.3";
        return made;
    }
    ConfigValue load() const {
        ConfigProblems problems;
        auto value = load_config_file("dir/main.yml", world(), problems);
        EXPECT_TRUE(value) << (problems.ok() ? "" : problems.errors.front());
        return value.value_or(ConfigValue());
    }
    std::vector<std::string> errors() const {
        ConfigProblems problems;
        const auto value = load_config_file("dir/main.yml", world(), problems);
        EXPECT_EQ(value.has_value(), problems.ok());
        return problems.errors;
    }
    std::string error() const {
        const auto all = errors();
        return all.empty() ? "accepted" : all.front();
    }
};

World with(std::string main) { return World{{{"dir/main.yml", std::move(main)}}, {}}; }

std::string text_at(const ConfigValue& root, std::string_view key) {
    return root.find(key) ? root.find(key)->text : "(none)";
}

TEST(ConfigFile, AMacroStandsForAnyValue) {
    const ConfigValue root = with(
                                 "define_macro:\n  PORT: 5222\n  BOB: {user: bob@x}\n  LEVEL: OTHER\n  OTHER: debug\n"
                                 "loglevel: LEVEL\nacl: {admin: BOB}\nports: [PORT, 'PORT', PORTS]\n")
                                 .load();
    EXPECT_EQ(text_at(root, "loglevel"), "debug");
    EXPECT_EQ(root.find("acl")->find("admin")->find("user")->text, "bob@x");
    EXPECT_EQ(root.find("ports")->items[0].text, "5222");
    EXPECT_EQ(root.find("ports")->items[1].text, "5222");
    EXPECT_EQ(root.find("ports")->items[2].text, "PORTS");
    EXPECT_EQ(root.find("define_macro"), nullptr);
}

TEST(ConfigFile, KeywordsAreReplacedInsideTexts) {
    const ConfigValue root =
        with(
            "define_keyword: {ORG: example.org, PW: secret}\ndefine_macro: {PORT: 80}\n"
            "url: 'https://up.@ORG@:@PORT@/@HOST@'\nwhole: '@PW@'\nbare: PW\nodd: '@NOPE@ a@b @ORG'\n"
            "from: '@HOSTNAME@-@VERSION@'\n'key.@ORG@': 1\n")
            .load();
    EXPECT_EQ(text_at(root, "url"), "https://up.example.org:80/@HOST@");
    EXPECT_EQ(text_at(root, "whole"), "secret");
    EXPECT_EQ(text_at(root, "bare"), "PW");
    EXPECT_EQ(text_at(root, "odd"), "@NOPE@ a@b @ORG");
    EXPECT_EQ(text_at(root, "from"), "box-1.2.3");
    EXPECT_EQ(text_at(root, "key.example.org"), "1");
}

TEST(ConfigFile, TheEnvironmentGoesBeforeTheFile) {
    World world = with("define_macro: {PORT: 5222}\nport: PORT\npw: '@PW@'\n");
    world.environment = {{"EJABBERD_MACRO_PORT", "6222"}, {"ROOKERY_MACRO_PW", "s3cret"}};
    EXPECT_EQ(text_at(world.load(), "port"), "6222");
    EXPECT_EQ(text_at(world.load(), "pw"), "s3cret");
}

TEST(ConfigFile, O1MacrosThatNeverEndAreStopped) {
    EXPECT_NE(with("define_macro: {A: B, B: A}\nx: A\n").error().find("stands for itself"), std::string::npos);
    EXPECT_NE(with("define_keyword: {A: '@A@ '}\nx: ' @A@'\n").error().find("stands for itself"), std::string::npos);
    std::string bomb = "define_macro:\n  M0: [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 12; ++i) {
        bomb += "  M" + std::to_string(i) + ": [";
        for (int k = 0; k < 10; ++k) bomb += (k ? ", M" : "M") + std::to_string(i - 1);
        bomb += "]\n";
    }
    EXPECT_NE(with(bomb + "x: M11\n").error().find("too much"), std::string::npos);
    std::string wide = "define_keyword:\n  K: '" + std::string(100'000, 'k') + "'\nx: '";
    for (int i = 0; i < 1'000; ++i) wide += "@K@";
    EXPECT_NE(with(wide + "'\n").error().find("too much"), std::string::npos);
}

TEST(ConfigFile, DefinitionErrors) {
    EXPECT_NE(with("define_macro: 5\n").error().find("must be a map"), std::string::npos);
    EXPECT_NE(with("define_keyword: {A: [1]}\n").error().find("use define_macro"), std::string::npos);
    EXPECT_NE(with("define_macro: {A: [1]}\nA: 2\n").error().find("cannot be a name"), std::string::npos);
    EXPECT_NE(with("define_macro: {A: 1, A: 2}\n").error().find("given twice"), std::string::npos);
}

TEST(ConfigFile, O1RepeatedKeysNameBothPlaces) {
    EXPECT_EQ(with("a: 1\nb: 2\na: 3\n").error(),
              "dir/main.yml:3:1: 'a' is given twice; the first is at dir/main.yml:1:1");
    EXPECT_NE(with("modules: {m: {x: 1, x: 2}}\n").error(), "accepted");
    EXPECT_NE(with("access_rules: {a: {allow: x}, a: {allow: y}}\n").error(), "accepted");
    EXPECT_NE(with("acl: {a: {user: x}, a: {user: y}}\n").error(), "accepted");
}

TEST(ConfigFile, RulesMayRepeat) {
    EXPECT_EQ(with("access_rules: {a: {deny: x, deny: y, allow: {user: b, user: c}}}\n").error(), "accepted");
    EXPECT_EQ(with("acl: {a: {user: x, user: y}}\n").error(), "accepted");
    EXPECT_EQ(with("host_config: {h: {access_rules: {a: {deny: x, deny: y}}}}\n").error(), "accepted");
    EXPECT_EQ(with("modules: {m: {access: {deny: x, deny: y}}}\n").error(), "accepted");
}

TEST(ConfigFile, IncludesAreRelativeAndAddUp) {
    World world = with("include_config_file: [sub/a.yml, ../b.yml]\nloglevel: M\nacl: {admin: {user: x}}\n");
    world.files["dir/sub/a.yml"] = "include_config_file: c.yml\nacl: {guests: {user: y}}\n";
    world.files["dir/sub/c.yml"] = "define_macro: {M: debug}\n";
    world.files["dir/../b.yml"] = "language: de\n";
    const ConfigValue root = world.load();
    EXPECT_EQ(text_at(root, "loglevel"), "debug");
    EXPECT_EQ(text_at(root, "language"), "de");
    EXPECT_EQ(root.find("acl")->entries.size(), 2u);
    EXPECT_EQ(root.find("language")->mark.str(), "dir/../b.yml:1:11");
    EXPECT_EQ(root.find("include_config_file"), nullptr);
}

TEST(ConfigFile, IncludesMayBeLimited) {
    World world = with("include_config_file:\n  a.yml: {disallow: [listen]}\n  b.yml: {allow_only: acl}\n");
    world.files["dir/a.yml"] = "listen: []\n";
    world.files["dir/b.yml"] = "language: de\n";
    const auto errors = world.errors();
    ASSERT_EQ(errors.size(), 2u);
    EXPECT_EQ(errors[0], "dir/a.yml:1:1: 'listen' is not allowed in this file, see dir/main.yml:2:3");
    EXPECT_EQ(with("include_config_file: {a.yml: {disalow: x}}\n").errors().size(), 2u);
}

TEST(ConfigFile, IncludeErrors) {
    World world = with("include_config_file: a.yml\nlanguage: en\nacl: {x: all}\n");
    EXPECT_EQ(world.error(), "dir/main.yml:1:22: cannot read dir/a.yml");
    world.files["dir/a.yml"] = "language: de\nacl: {x: none}\n";
    const auto errors = world.errors();
    ASSERT_EQ(errors.size(), 2u);
    EXPECT_EQ(errors[0], "dir/a.yml:1:1: 'language' is given already at dir/main.yml:2:1");
    World loop = with("include_config_file: main.yml\n");
    EXPECT_NE(loop.error().find("include itself"), std::string::npos);
    EXPECT_NE(with("include_config_file:\n").error().find("no file"), std::string::npos);
}

TEST(ConfigFile, OneFaultyFileDoesNotHideTheFaultsOfAnother) {
    World world = with("include_config_file: [a.yml, b.yml]\nx: 1\nx: 2\n");
    world.files["dir/a.yml"] = "a: [\n";
    world.files["dir/b.yml"] = "\tb: 1\n";
    EXPECT_EQ(world.errors().size(), 3u);
}

TEST(ConfigFile, TheTopMustBeAMap) {
    EXPECT_EQ(with("").error(), "accepted");
    EXPECT_NE(with("- a\n").error().find("a map of options"), std::string::npos);
    EXPECT_NE(with("text\n").error().find("a map of options"), std::string::npos);
    EXPECT_EQ(World{}.error(), "cannot read dir/main.yml");
}

TEST(ConfigFile, TheRealWorldBoundsWhatItReads) {
    const std::string path = testing::TempDir() + "/rookery_config_test.yml";
    std::ofstream(path) << "a: " << std::string(max_config_bytes, 'x');
    ConfigProblems problems;
    EXPECT_FALSE(load_config_file(path, ConfigWorld::real(), problems));
    EXPECT_NE(problems.errors.at(0).find("larger than 1 MB"), std::string::npos);
    std::ofstream(path) << "a: 1\n";
    ConfigProblems none;
    EXPECT_TRUE(load_config_file(path, ConfigWorld::real(), none));
    std::remove(path.c_str());
    ConfigProblems gone, folder;
    EXPECT_FALSE(load_config_file(path, ConfigWorld::real(), gone));
    EXPECT_NE(gone.errors.at(0).find("No such file"), std::string::npos);
    EXPECT_FALSE(load_config_file("/tmp", ConfigWorld::real(), folder));
    EXPECT_NE(folder.errors.at(0).find("directory"), std::string::npos);
}

TEST(ConfigFile, HostIsReplacedInTextsAndKeys) {
    ConfigValue value = with("a: 'x.@HOST@.@HOST@'\nb: ['@HOST@']\n'c.@HOST@': {}\n").load();
    replace_host(value, "h.org");
    EXPECT_EQ(text_at(value, "a"), "x.h.org.h.org");
    EXPECT_EQ(value.find("b")->items[0].text, "h.org");
    EXPECT_NE(value.find("c.h.org"), nullptr);
    ConfigValue endless = ConfigValue::scalar("@HOST@");
    replace_host(endless, "@HOST@");
    EXPECT_EQ(endless.text, "@HOST@");
}

TEST(ConfigFile, FingerprintsTellValuesApart) {
    const auto print = [](std::string_view text) {
        ConfigProblems problems;
        return config_fingerprint(*parse_yaml(text, "f", problems));
    };
    EXPECT_EQ(print("a: [1, 2]"), print("a:\n  - '1'\n  - 2\n"));
    EXPECT_NE(print("a: [1, 2]"), print("a: [12]"));
    EXPECT_NE(print("a: 1"), print("a: ~"));
    EXPECT_NE(print("{a: b, c: d}"), print("{a: 'b,1:c=1:d'}"));
}

}  // namespace
}  // namespace rookery
