#include "server/yaml.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

ConfigValue parse(std::string_view text) {
    ConfigProblems problems;
    auto value = parse_yaml(text, "f.yml", problems);
    EXPECT_TRUE(value) << (problems.ok() ? "" : problems.errors.front());
    return value.value_or(ConfigValue());
}

std::string error_of(std::string_view text) {
    ConfigProblems problems;
    const auto value = parse_yaml(text, "f.yml", problems);
    EXPECT_EQ(value.has_value(), problems.ok());
    return problems.ok() ? "accepted" : problems.errors.front();
}

TEST(Yaml, BuildsScalarsListsAndMapsWithPlaces) {
    const ConfigValue root = parse("a: 1\nlist:\n  - x\n  - \"y\"\nmap: {k: v}\nnothing:\ntilde: ~\n");
    EXPECT_EQ(root.find("a")->text, "1");
    EXPECT_EQ(root.find("a")->mark.str(), "f.yml:1:4");
    ASSERT_EQ(root.find("list")->items.size(), 2u);
    EXPECT_FALSE(root.find("list")->items[0].quoted);
    EXPECT_TRUE(root.find("list")->items[1].quoted);
    EXPECT_EQ(root.find("list")->items[1].mark.str(), "f.yml:4:5");
    EXPECT_EQ(root.find("map")->find("k")->text, "v");
    EXPECT_TRUE(root.find("nothing")->is_null());
    EXPECT_TRUE(root.find("tilde")->is_null());
    EXPECT_EQ(root.entries[1].mark.str(), "f.yml:2:1");
}

TEST(Yaml, EmptyIsNull) {
    EXPECT_TRUE(parse("").is_null());
    EXPECT_TRUE(parse("# only a comment\n").is_null());
    EXPECT_TRUE(parse("\xEF\xBB\xBF"
                      "a: b")
                    .is_map());
}

TEST(Yaml, RepeatedKeysAreKept) { EXPECT_EQ(parse("deny: a\ndeny: b\n").entries.size(), 2u); }

TEST(Yaml, AliasesExpand) {
    const ConfigValue root = parse("a: &x [1, 2]\nb: *x\nc: &s text\nd: *s\n");
    EXPECT_EQ(root.find("b")->items.size(), 2u);
    EXPECT_EQ(root.find("d")->text, "text");
}

std::string keys_of(const ConfigValue& map) {
    std::string keys;
    for (const ConfigValue::Entry& entry : map.entries)
        keys += (keys.empty() ? "" : " ") + entry.key + "=" + entry.value.text;
    return keys;
}

TEST(Yaml, MergeKeysTakeOverWhatAMapLacks) {
    const ConfigValue root = parse("one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\n"
                                   "plain: {<<: *one, b: 9}\nlater: {b: 9, <<: *one}\n"
                                   "list: {<<: [*one, *two, {d: 3}]}\n"
                                   "again: &again {<<: *two, x: y}\nnested: {<<: *again}\n"
                                   "quoted: {\"<<\": 1}\n");
    EXPECT_EQ(keys_of(*root.find("plain")), "a=1 b=9");
    EXPECT_EQ(keys_of(*root.find("later")), "b=9 a=1");
    EXPECT_EQ(keys_of(*root.find("list")), "a=1 b=1 c=2 d=3");
    EXPECT_EQ(keys_of(*root.find("nested")), "b=2 c=2 x=y");
    EXPECT_EQ(keys_of(*root.find("quoted")), "<<=1");
    ASSERT_TRUE(root.find("plain")->find("a"));
    EXPECT_EQ(root.find("plain")->find("a")->mark.str(), "f.yml:1:15");
}

// Rules are read in order, and a verdict may come several times.
TEST(Yaml, MergedRulesKeepTheirOrder) {
    const ConfigValue root = parse("base: &base {deny: a, deny: b}\nrule:\n  <<: *base\n  allow: all\n");
    EXPECT_EQ(keys_of(*root.find("rule")), "deny=a deny=b allow=all");
}

TEST(Yaml, BadMergeKeysAreNamed) {
    EXPECT_EQ(error_of("a: 1\nb:\n  <<: x\n"),
              "f.yml:3:3: '<<' takes a map or a list of maps, like '<<: *defaults', not 'x'");
    EXPECT_EQ(error_of("a: &a {x: 1}\nb: {<<: [*a, 5]}\n"),
              "f.yml:2:5: '<<' takes a map or a list of maps, like '<<: *defaults', not '5'");
    EXPECT_EQ(error_of("a: &a {x: 1}\nb: {<<: *a, <<: *a}\n"), "f.yml:2:13: '<<' is given twice; write '<<: [*one, *two]'");
    EXPECT_NE(error_of("a: &a {<<: *a}\n"), "accepted");
}

TEST(Yaml, O1AliasBombIsStopped) {
    std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i <= 10; ++i) {
        const std::string before = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int k = 0; k < 10; ++k) bomb += (k ? ", " : "") + before;
        bomb += "]\n";
    }
    EXPECT_NE(error_of(bomb).find("more than 100000 values"), std::string::npos) << error_of(bomb);
}

TEST(Yaml, O1DepthIsBounded) {
    EXPECT_NE(error_of(std::string(2'000, '[')).find("deeper than 32"), std::string::npos);
    std::string deep = "a0: &a0 [x]\n";
    for (int i = 1; i < 40; ++i)
        deep += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
    EXPECT_NE(error_of(deep).find("deeper than 32"), std::string::npos);
    EXPECT_NE(error_of(std::string(100'000, '-') + "\n"), "");
    std::string braces;
    for (int i = 0; i < 100'000; ++i) braces += "{a: ";
    EXPECT_NE(error_of(braces), "accepted");
    std::string dashes;
    for (int i = 0; i < 100'000; ++i) dashes += "- ";
    EXPECT_NE(error_of(dashes), "accepted");
}

TEST(Yaml, O1TabsAreNamed) {
    EXPECT_EQ(error_of("a:\n  b: 1\n\tc: 2\n"), "f.yml:3:1: a tab in the indentation; use spaces");
    EXPECT_EQ(error_of("a:\n  \tb: 1\n"), "f.yml:2:3: a tab in the indentation; use spaces");
    EXPECT_EQ(error_of("a: 1 \t# fine\n\t# fine too\n\t\nb: 2\n"), "accepted");
}

TEST(Yaml, O1SizeAndEncoding) {
    EXPECT_EQ(error_of("a: " + std::string(max_config_bytes, 'x')), "f.yml:1:1: the file is larger than 1 MB");
    EXPECT_NE(error_of("a: \xFF").find("UTF-8"), std::string::npos);
    EXPECT_NE(error_of(std::string_view("a: \0", 4)).find("UTF-8"), std::string::npos);
}

TEST(Yaml, SyntaxErrorsHaveAPlace) {
    EXPECT_EQ(error_of("a: [1, 2\nb: 3\n").rfind("f.yml:", 0), 0u);
    EXPECT_NE(error_of("a: 1\n b: 2\n").find("f.yml:2:"), std::string::npos);
    EXPECT_NE(error_of("a: *nowhere\n"), "accepted");
    EXPECT_NE(error_of("a: &x [*x]\n"), "accepted");
    EXPECT_NE(error_of("? [1]\n: 2\n").find("key"), std::string::npos);
    EXPECT_NE(error_of("a: !ruby/object x\n").find("tag"), std::string::npos);
    EXPECT_NE(error_of("a: 1\n---\nb: 2\n").find("second document"), std::string::npos);
    EXPECT_NE(error_of("%YAML 9.9.9\n---\na: 1"), "");
}

}  // namespace
}  // namespace rookery
