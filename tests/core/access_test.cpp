#include "core/access.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

using Entry = ConfigValue::Entry;

ConfigValue text(std::string_view scalar) { return ConfigValue::scalar(scalar, Mark("f", 1, 1)); }
ConfigValue map(std::vector<Entry> entries) { return ConfigValue::map(std::move(entries), Mark("f", 1, 1)); }
ConfigValue one(std::string_view key, ConfigValue value) { return map({Entry(key, std::move(value))}); }
ConfigValue one(std::string_view key, std::string_view value) { return one(key, text(value)); }
ConfigValue list(std::vector<ConfigValue> items) { return ConfigValue::list(std::move(items), Mark("f", 1, 1)); }

AccessRules parse(AccessRules::Source source, ConfigProblems& problems) {
    source.hosts = {"example.org", "second.org"};
    return AccessRules::parse(source, problems);
}
AccessRules parse(AccessRules::Source source) {
    ConfigProblems problems;
    AccessRules rules = parse(std::move(source), problems);
    EXPECT_TRUE(problems.ok()) << problems.errors.front();
    return rules;
}

// Does this acl match?
bool acl(ConfigValue definition, std::string_view who, std::string_view ip = {}) {
    AccessRules::Source source;
    source.acl = one("x", std::move(definition));
    return parse(std::move(source)).matches_acl("x", *Jid::parse(who), ip);
}

std::string acl_error(ConfigValue definition) {
    AccessRules::Source source;
    source.acl = one("x", std::move(definition));
    ConfigProblems problems;
    parse(std::move(source), problems);
    return problems.ok() ? "accepted" : problems.errors.front();
}

AccessRules access(ConfigValue rule) {
    AccessRules::Source source;
    source.acl = map({Entry("admin", one("user", "bob@example.org")), Entry("blocked", one("user", "eve")),
                      Entry("loopback", one("ip", list({text("127.0.0.0/8"), text("::1/128")})))});
    source.access_rules = one("x", std::move(rule));
    return parse(std::move(source));
}
bool allows(ConfigValue rule, std::string_view who, std::string_view ip = {}) {
    return access(std::move(rule)).allows("x", *Jid::parse(who), ip);
}

TEST(Acl, UserIsOfAnyHostServedOrOfOneDomain) {
    EXPECT_TRUE(acl(one("user", "bob"), "bob@example.org/phone"));
    EXPECT_TRUE(acl(one("user", "bob"), "bob@second.org"));
    EXPECT_FALSE(acl(one("user", "bob"), "bob@evil.org"));
    EXPECT_FALSE(acl(one("user", "bob"), "bobby@example.org"));
    EXPECT_TRUE(acl(one("user", "Bob@Example.ORG"), "bob@example.org"));
    EXPECT_FALSE(acl(one("user", "bob@example.org"), "bob@second.org"));
    EXPECT_TRUE(acl(one("user", one("bob", "far.org")), "bob@far.org"));
    EXPECT_FALSE(acl(one("user", one("bob", "far.org")), "bob@example.org"));
    EXPECT_FALSE(acl(one("user", ""), "bob@example.org"));
}

TEST(Acl, ListsAndMapsAreAlternatives) {
    const ConfigValue users = one("user", list({text("a"), text("b@far.org")}));
    EXPECT_TRUE(acl(users, "a@example.org"));
    EXPECT_TRUE(acl(users, "b@far.org"));
    EXPECT_FALSE(acl(users, "c@example.org"));
    const ConfigValue either = list({one("user", "a"), one("server", "far.org")});
    EXPECT_TRUE(acl(either, "z@far.org"));
    EXPECT_TRUE(acl(map({Entry("user", text("a")), Entry("ip", text("10.0.0.0/8"))}), "z@far.org", "10.1.1.1"));
}

TEST(Acl, Regexps) {
    EXPECT_TRUE(acl(one("user_regexp", ""), "anybody@example.org"));  // ejabberd's `local`
    EXPECT_FALSE(acl(one("user_regexp", ""), "anybody@far.org"));
    EXPECT_TRUE(acl(one("user_regexp", "^test[0-9]*$"), "test12@example.org"));
    EXPECT_FALSE(acl(one("user_regexp", "^test[0-9]*$"), "mytest1@example.org"));
    EXPECT_TRUE(acl(one("user_regexp", "^te@far.org"), "test@far.org"));
    EXPECT_FALSE(acl(one("user_regexp", "^te@far.org"), "test@example.org"));
    EXPECT_TRUE(acl(one("server_regexp", "^icq\\."), "1@icq.far.org"));
    EXPECT_FALSE(acl(one("server_regexp", "^icq\\."), "1@icqs.far.org"));
    EXPECT_TRUE(acl(one("resource_regexp", "^laptop"), "a@b.org/laptop1"));
    EXPECT_FALSE(acl(one("resource_regexp", "^laptop"), "a@b.org"));
    EXPECT_TRUE(acl(one("node_regexp", one("^a$", "^example.(com|org)$")), "a@example.com"));
    EXPECT_TRUE(acl(one("node_regexp", "^a$@^far"), "a@far.org"));
    EXPECT_FALSE(acl(one("node_regexp", "^a$@^far"), "a@near.org"));
    EXPECT_TRUE(acl(one("user_regexp", "^\\p{L}+$"), "\xC3\xA9@example.org"));
}

TEST(Acl, AnExplodingRegexpGivesUp) {
    const std::string who = std::string(200, 'a') + "b@example.org";
    EXPECT_FALSE(acl(one("user_regexp", "^(a+)+$"), who));
}

TEST(Acl, Globs) {
    EXPECT_TRUE(acl(one("user_glob", "te*t?"), "tetest1@example.org"));
    EXPECT_FALSE(acl(one("user_glob", "te*t?"), "tetest@example.net"));
    EXPECT_TRUE(acl(one("server_glob", "*.far.org"), "a@b.far.org"));
    EXPECT_FALSE(acl(one("server_glob", "*.far.org"), "a@bxfar.org"));
    EXPECT_TRUE(acl(one("resource_glob", "[a-c]x"), "a@b.org/bx"));
    EXPECT_FALSE(acl(one("resource_glob", "[!a-c]x"), "a@b.org/bx"));
    EXPECT_TRUE(acl(one("node_glob", one("a*", "b*")), "aa@bb"));
}

TEST(Acl, ServerAndResource) {
    EXPECT_TRUE(acl(one("server", "far.org"), "a@far.org"));
    EXPECT_FALSE(acl(one("server", "far.org"), "a@sub.far.org"));
    EXPECT_TRUE(acl(one("resource", "muckl"), "a@b.org/muckl"));
    EXPECT_FALSE(acl(one("resource", "muckl"), "a@b.org/other"));
}

TEST(Acl, Networks) {
    const ConfigValue loopback = one("ip", list({text("127.0.0.0/8"), text("::1")}));
    EXPECT_TRUE(acl(loopback, "a@b", "127.9.9.9"));
    EXPECT_TRUE(acl(loopback, "a@b", "::ffff:127.0.0.1"));
    EXPECT_TRUE(acl(loopback, "a@b", "::1"));
    EXPECT_FALSE(acl(loopback, "a@b", "128.0.0.1"));
    EXPECT_FALSE(acl(loopback, "a@b", "::2"));
    EXPECT_FALSE(acl(loopback, "a@b", ""));
    EXPECT_FALSE(acl(loopback, "a@b", "rubbish"));
    EXPECT_TRUE(acl(one("ip", "10.128.0.0/9"), "a@b", "10.200.0.1"));
    EXPECT_FALSE(acl(one("ip", "10.128.0.0/9"), "a@b", "10.100.0.1"));
    EXPECT_TRUE(acl(one("ip", "2001:db8::/33"), "a@b", "2001:db8:7fff::1"));
    EXPECT_FALSE(acl(one("ip", "2001:db8::/33"), "a@b", "2001:db8:8000::1"));
    EXPECT_TRUE(acl(one("ip", "::/0"), "a@b", "1.2.3.4"));
    EXPECT_FALSE(acl(one("ip", "0.0.0.0/0"), "a@b", "2001:db8::1"));
}

TEST(Acl, AllNoneAndOthersByName) {
    EXPECT_TRUE(acl(text("all"), "a@b"));
    EXPECT_FALSE(acl(text("none"), "a@b"));
    AccessRules::Source source;
    source.acl = map({Entry("a", one("acl", "b")), Entry("b", one("user", "bob")), Entry("loop", one("acl", "loop"))});
    const AccessRules rules = parse(std::move(source));
    EXPECT_TRUE(rules.matches_acl("a", *Jid::parse("bob@example.org")));
    EXPECT_FALSE(rules.matches_acl("loop", *Jid::parse("bob@example.org")));
    EXPECT_FALSE(rules.matches_acl("not_there", *Jid::parse("bob@example.org")));
}

TEST(Acl, ErrorsNameWhatIsWrong) {
    EXPECT_NE(acl_error(one("user_regexp", "(")).find("regular expression"), std::string::npos);
    EXPECT_NE(acl_error(one("ip", "10.0.0.0/33")).find("10.0.0.0/8"), std::string::npos);
    EXPECT_NE(acl_error(one("ip", "10.0.0")).find("address"), std::string::npos);
    EXPECT_NE(acl_error(one("user", "@@")).find("user name"), std::string::npos);
    EXPECT_NE(acl_error(one("server", "a@b")).find("domain"), std::string::npos);
    EXPECT_NE(acl_error(one("node_regexp", "x")).find("user@server"), std::string::npos);
    EXPECT_NE(acl_error(one("shared_group", "x")).find("list the users"), std::string::npos);
    EXPECT_NE(acl_error(one("usr", "x")).find("did you mean 'user'"), std::string::npos);
    EXPECT_NE(acl_error(one("user", ConfigValue())).find("no value"), std::string::npos);
}

TEST(Access, FirstSectionThatMatchesDecides) {
    const ConfigValue c2s = map({Entry("deny", text("blocked")), Entry("allow", text("all"))});
    EXPECT_FALSE(allows(c2s, "eve@example.org"));
    EXPECT_TRUE(allows(c2s, "bob@example.org"));
    const ConfigValue reversed = map({Entry("allow", text("all")), Entry("deny", text("blocked"))});
    EXPECT_TRUE(allows(reversed, "eve@example.org"));
    EXPECT_FALSE(allows(one("allow", "admin"), "eve@example.org"));  // no section: deny
}

TEST(Access, TheFormsOfEjabberdsGuide) {
    for (const ConfigValue& rule :
         {text("admin"), list({one("acl", "admin")}), list({one("allow", "admin")}), one("allow", one("acl", "admin")),
          list({one("allow", list({one("acl", "admin")}))})}) {
        EXPECT_TRUE(allows(rule, "bob@example.org"));
        EXPECT_FALSE(allows(rule, "eve@example.org"));
    }
    EXPECT_TRUE(allows(list({one("deny", "blocked"), text("allow")}), "bob@example.org"));
    EXPECT_FALSE(allows(list({one("deny", "blocked"), text("allow")}), "eve@example.org"));
    EXPECT_TRUE(allows(list({one("deny", list({one("acl", "blocked")})), one("allow", list({text("all")}))}), "x@y"));
    EXPECT_TRUE(allows(one("allow", ConfigValue()), "x@y"));
    EXPECT_FALSE(allows(text("none"), "x@y"));
    EXPECT_TRUE(allows(text("all"), "x@y"));
    EXPECT_FALSE(allows(text("deny"), "x@y"));
}

// The same key may come several times in such a map.
TEST(Access, RepeatedSectionsInAMap) {
    const ConfigValue rule =
        map({Entry("deny", text("blocked")), Entry("deny", one("ip", "10.0.0.0/8")), Entry("allow", text("all"))});
    EXPECT_FALSE(allows(rule, "bob@example.org", "10.1.1.1"));
    EXPECT_TRUE(allows(rule, "bob@example.org", "11.1.1.1"));
}

TEST(Access, AllConditionsOfASectionMustHold) {
    const ConfigValue bot = one("allow", map({Entry("user", text("bot@far.org")), Entry("ip", text("10.0.0.0/24"))}));
    EXPECT_TRUE(allows(bot, "bot@far.org", "10.0.0.7"));
    EXPECT_FALSE(allows(bot, "bot@far.org", "10.0.1.7"));
    EXPECT_FALSE(allows(bot, "man@far.org", "10.0.0.7"));
    const ConfigValue listed = one("allow", list({one("acl", "loopback"), one("acl", "admin")}));
    EXPECT_TRUE(allows(listed, "bob@example.org", "::1"));
    EXPECT_FALSE(allows(listed, "bob@example.org", "10.0.0.1"));
}

TEST(Access, UnknownRulesDenyUnknownAclsMatchNobody) {
    EXPECT_FALSE(AccessRules().allows("nowhere", *Jid::parse("a@b")));
    EXPECT_TRUE(AccessRules().allows("all", *Jid::parse("a@b")));
    EXPECT_FALSE(AccessRules().allows("none", *Jid::parse("a@b")));
    EXPECT_TRUE(allows(list({one("deny", "banned_people"), text("allow")}), "a@b"));
}

TEST(Access, SlipsInAclNamesAreWarnedOf) {
    AccessRules::Source source;
    source.acl = one("admin", one("user", "bob"));
    source.access_rules = map({Entry("a", one("allow", "admn")), Entry("b", one("deny", "blocked")),
                               Entry("c", one("deny", "blokced")), Entry("d", one("allow", "friends"))});
    source.shaper_rules = map({Entry("e", one("none", "adminn")), Entry("f", text("none"))});
    ConfigProblems problems;
    parse(std::move(source), problems);
    ASSERT_EQ(problems.warnings.size(), 4u);
    EXPECT_NE(problems.warnings[0].find("did you mean 'admin'"), std::string::npos);
    EXPECT_NE(problems.warnings[1].find("did you mean 'blocked'"), std::string::npos);
    EXPECT_NE(problems.warnings[2].find("add it under acl"), std::string::npos);
    EXPECT_NE(problems.warnings[3].find("did you mean 'admin'"), std::string::npos);
}

TEST(Access, RuleErrors) {
    ConfigProblems problems;
    AccessRules::Source source;
    source.access_rules = one("x", one("alow", "all"));
    parse(std::move(source), problems);
    EXPECT_NE(problems.errors.at(0).find("allow or deny"), std::string::npos);
    ConfigProblems others;
    AccessRules::Source odd;
    odd.acl = map({Entry("all", one("user", "x"))});
    odd.access_rules = text("oops");
    parse(std::move(odd), others);
    EXPECT_EQ(others.errors.size(), 2u);
}

TEST(Access, RulesOfAnOptionMayBeWrittenInPlace) {
    const auto read = OptionType<AccessRule>::read("access", list({one("deny", "blocked"), text("allow")}));
    ASSERT_TRUE(read.ok());
    const AccessRules rules = access(text("all"));
    EXPECT_FALSE(rules.allows(*read, *Jid::parse("eve@example.org")));
    EXPECT_TRUE(rules.allows(*read, *Jid::parse("bob@example.org")));
    const auto named = OptionType<AccessRule>::read("access", text("x"));
    EXPECT_EQ(named->name(), "x");
    EXPECT_TRUE(rules.allows(*named, *Jid::parse("eve@example.org")));
    EXPECT_FALSE(OptionType<AccessRule>::read("access", ConfigValue()).ok());
    EXPECT_FALSE(OptionType<AccessRule>::read("access", one("alow", "all")).ok());
    EXPECT_TRUE(rules.allows(AccessRule(), *Jid::parse("eve@example.org")));
}

AccessRules shaped() {
    AccessRules::Source source;
    source.acl = one("admin", one("user", "bob"));
    source.shaper = map({Entry("normal", map({Entry("rate", text("3000")), Entry("burst_size", text("20 KB"))})),
                         Entry("fast", text("200000")), Entry("free", text("infinity"))});
    source.shaper_rules =
        map({Entry("max_user_sessions", text("10")), Entry("s2s_shaper", text("fast")),
             Entry("c2s_shaper", map({Entry("none", text("admin")), Entry("normal", text("all"))})),
             Entry("offline", list({one("5000", "admin"), text("100")})), Entry("endless", text("infinity"))});
    return parse(std::move(source));
}

TEST(Shapers, RulesGiveRatesAndNumbers) {
    const AccessRules rules = shaped();
    const Jid bob = *Jid::parse("bob@example.org"), eve = *Jid::parse("eve@example.org");
    EXPECT_EQ(rules.number("max_user_sessions", eve), 10);
    EXPECT_EQ(rules.number("offline", bob), 5000);
    EXPECT_EQ(rules.number("offline", eve), 100);
    EXPECT_EQ(rules.number("endless", eve), unlimited);
    EXPECT_EQ(rules.number("s2s_shaper", eve), std::nullopt);
    EXPECT_EQ(rules.number("nowhere", eve), std::nullopt);
    EXPECT_EQ(rules.shaper("c2s_shaper", eve), (ShaperRate{3'000, 20'480}));
    EXPECT_FALSE(rules.shaper("c2s_shaper", bob).limited());
    EXPECT_EQ(rules.shaper("s2s_shaper", eve), (ShaperRate{200'000, 0}));
    EXPECT_EQ(rules.shaper("fast", eve), (ShaperRate{200'000, 0}));
    EXPECT_FALSE(rules.shaper("none", eve).limited());
    EXPECT_FALSE(rules.shaper("free", eve).limited());
    EXPECT_TRUE(rules.has_shaper("fast"));
    EXPECT_TRUE(rules.has_shaper("c2s_shaper"));
    EXPECT_FALSE(rules.has_shaper("fats"));
}

TEST(Shapers, Errors) {
    const auto errors = [](ConfigValue shaper, ConfigValue rules) {
        AccessRules::Source source;
        source.shaper = std::move(shaper);
        source.shaper_rules = std::move(rules);
        ConfigProblems problems;
        parse(std::move(source), problems);
        return problems.errors.empty() ? std::string("accepted") : problems.errors.front();
    };
    EXPECT_NE(errors(one("a", "fast"), ConfigValue()), "accepted");
    EXPECT_NE(errors(one("a", "0"), ConfigValue()), "accepted");
    EXPECT_NE(errors(one("a", one("rat", "5")), ConfigValue()).find("did you mean 'rate'"), std::string::npos);
    EXPECT_NE(errors(one("a", ConfigValue()), ConfigValue()).find("'rate' is missing"), std::string::npos);
    EXPECT_NE(errors(one("normal", "5"), one("r", one("norml", "all"))).find("did you mean 'normal'"),
              std::string::npos);
    EXPECT_NE(errors(one("normal", "5"), one("r", "-5")), "accepted");
}

}  // namespace
}  // namespace rookery
