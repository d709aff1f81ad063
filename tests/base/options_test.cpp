#include "base/options.h"

#include <gtest/gtest.h>

namespace rookery {

struct Point {  // a type of somebody else's, with its own reading
    int x = 0;
};
template <>
struct OptionType<Point> {
    static constexpr std::string_view type = "point";
    static Result<Point> read(std::string_view name, const ConfigValue& value) {
        if (value.text == "origin") return Point{};
        return config_mismatch(name, value, "a point", "origin");
    }
    static std::string show(const Point& point) { return std::to_string(point.x); }
};

namespace {

enum class Action { none, kill };

struct Inner {
    int depth = 3;
    std::string name;
};
struct Sample {
    bool send = false;
    Seconds idle{60};
    std::optional<Milliseconds> grace;
    std::uint16_t port = 5222;
    std::size_t sessions = 100;
    double rate = 0.5;
    ByteSize size = 64_KB;
    std::string title = "a b";
    std::vector<std::string> names{"x", "y"};
    Action action = Action::kill;
    std::string backend = "sqlite";
    ConfigValue raw;
    Inner inner;
    std::vector<Inner> list;
    Point point;
    int even = 2;
    std::string must = "m";
};

OptionTable<Inner> inner_table() {
    OptionTable<Inner> table;
    table.option("depth", &Inner::depth, "How deep", at_most(9)).option("name", &Inner::name, "Its name");
    return table;
}

OptionTable<Sample> make_table() {
    const auto even = [](int number) { return number % 2 ? std::optional<std::string>("must be even") : std::nullopt; };
    OptionTable<Sample> table;
    table.option("send", &Sample::send, "Send pings", alias("send_pings"))
        .option("idle", &Sample::idle, "Silence", between(Seconds(1), Seconds(3600)), or_infinity())
        .option("grace", &Sample::grace, "Grace", needs_restart())
        .option("port", &Sample::port, "Port", at_least(1))
        .option("sessions", &Sample::sessions, "Sessions", at_least(1), or_infinity())
        .option("rate", &Sample::rate, "Rate", between(0.0, 1.0))
        .option("size", &Sample::size, "Size", at_most(1_MB))
        .option("title", &Sample::title, "Title")
        .option("names", &Sample::names, "Names")
        .option("action", &Sample::action, "Action", one_of<Action>({{"none", Action::none}, {"kill", Action::kill}}))
        .option("backend", &Sample::backend, "Backend", one_of({"sqlite", "postgres"}))
        .option("raw", &Sample::raw, "Anything")
        .option("inner", &Sample::inner, "Inner", nested(inner_table()))
        .option("list", &Sample::list, "List", nested(inner_table()))
        .option("point", &Sample::point, "Point")
        .option("even", &Sample::even, "Even", checked(even))
        .ignored("compress", "nothing is compressed");
    return table;
}

ConfigValue text(std::string_view scalar) { return ConfigValue::scalar(scalar, Mark("f", 2, 7)); }
ConfigValue::Entry entry(std::string key, ConfigValue value) {
    return {std::move(key), Mark("f", 2, 1), std::move(value)};
}
ConfigValue map(std::vector<ConfigValue::Entry> entries) {
    return ConfigValue::map(std::move(entries), Mark("f", 1, 1));
}

std::string first_error(std::string key, ConfigValue value) {
    ConfigProblems problems;
    const auto parsed = make_table().parse(map({entry(std::move(key), std::move(value))}), problems);
    EXPECT_EQ(parsed.has_value(), problems.ok());
    return problems.ok() ? "accepted" : problems.errors.front();
}

Sample parse_one(std::string key, ConfigValue value) {
    ConfigProblems problems;
    auto parsed = make_table().parse(map({entry(key, std::move(value))}), problems);
    EXPECT_TRUE(parsed) << key << ": " << (problems.ok() ? "" : problems.errors.front());
    return parsed.value_or(Sample{});
}

TEST(Options, NothingGivenIsTheDefaults) {
    ConfigProblems problems;
    const auto parsed = make_table().parse(ConfigValue(), problems);
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->idle, Seconds(60));
    EXPECT_EQ(parsed->names.size(), 2u);
}

TEST(Options, ReadsEveryKindOfMember) {
    EXPECT_TRUE(parse_one("send", text("yes")).send);
    EXPECT_TRUE(parse_one("send_pings", text("yes")).send);
    EXPECT_EQ(parse_one("idle", text("5 minutes")).idle, Seconds(300));
    EXPECT_EQ(parse_one("grace", text("500 ms")).grace, Milliseconds(500));
    EXPECT_EQ(parse_one("port", text("65535")).port, 65535);
    EXPECT_EQ(parse_one("sessions", text("infinity")).sessions, std::numeric_limits<std::size_t>::max());
    EXPECT_EQ(parse_one("rate", text("0.25")).rate, 0.25);
    EXPECT_EQ(parse_one("size", text("1 MB")).size, 1_MB);
    EXPECT_EQ(parse_one("title", text("t")).title, "t");
    EXPECT_EQ(parse_one("names", text("one")).names, std::vector<std::string>{"one"});
    EXPECT_EQ(parse_one("action", text("none")).action, Action::none);
    EXPECT_EQ(parse_one("backend", text("postgres")).backend, "postgres");
    EXPECT_EQ(parse_one("raw", ConfigValue::list({text("1")})).raw.items.size(), 1u);
    EXPECT_EQ(parse_one("inner", map({entry("depth", text("4"))})).inner.depth, 4);
    EXPECT_EQ(parse_one("list", ConfigValue::list({map({}), map({entry("name", text("n"))})})).list.at(1).name, "n");
    EXPECT_EQ(parse_one("point", text("origin")).point.x, 0);
    EXPECT_EQ(parse_one("even", text("4")).even, 4);
}

TEST(Options, InfinityIsRecognisedInEveryUnit) {
    EXPECT_TRUE(is_forever(parse_one("idle", text("infinity")).idle));
    EXPECT_FALSE(is_forever(Seconds(3600)));
    EXPECT_FALSE(is_forever(Milliseconds(0)));
    EXPECT_TRUE(is_forever(forever));
    EXPECT_NE(first_error("grace", text("infinity")), "accepted");
}

TEST(Options, RefusesWithPlaceAndRange) {
    EXPECT_EQ(first_error("port", text("65536")),
              "f:2:7: 'port' must be a whole number from 1 to 65535, not '65536'; write for example 'port: 5222'");
    EXPECT_EQ(first_error("idle", text("2 hours")),
              "f:2:7: 'idle' must be a time from 1 second to 1 hour, or infinity, not '2 hours'; write for example "
              "'idle: 1 minute'");
    EXPECT_EQ(first_error("even", text("3")), "f:2:7: 'even' must be even; write for example 'even: 2'");
    EXPECT_NE(first_error("inner", map({entry("depth", text("10"))})), "accepted");
    EXPECT_NE(first_error("list", text("x")), "accepted");
    EXPECT_NE(first_error("size", text("2 MB")), "accepted");
}

TEST(Options, UnknownNamesAreMetWithTheNearest) {
    EXPECT_EQ(first_error("sennd", text("1")), "f:2:1: unknown option 'sennd'; did you mean 'send'?");
    EXPECT_EQ(first_error("inner", map({entry("zzzzzz", text("1"))})),
              "f:2:1: unknown option 'zzzzzz'; known here: depth, name");
}

TEST(Options, ReportsEveryErrorAndTheSameOptionUnderTwoNames) {
    ConfigProblems problems;
    const auto parsed = make_table().parse(map({entry("send", text("x")), entry("send_pings", text("yes")),
                                                entry("port", text("y")), entry("what", text("z"))}),
                                           problems);
    EXPECT_FALSE(parsed);
    EXPECT_EQ(problems.errors.size(), 4u);
}

TEST(Options, IgnoredNamesOnlyWarn) {
    ConfigProblems problems;
    EXPECT_TRUE(make_table().parse(map({entry("compress", text("yes"))}), problems));
    ASSERT_EQ(problems.warnings.size(), 1u);
    EXPECT_EQ(problems.warnings[0], "f:2:1: 'compress' does nothing here: nothing is compressed");
}

TEST(Options, RequiredAndTogetherRules) {
    OptionTable<Sample> table;
    table.option("must", &Sample::must, "The secret", required())
        .option("even", &Sample::even, "Even")
        .together([](const Sample& s) { return s.even > 10 ? std::optional<std::string>("too much") : std::nullopt; });
    ConfigProblems missing, wrong;
    EXPECT_FALSE(table.parse(map({}), missing));
    EXPECT_EQ(missing.errors.at(0), "f:1:1: 'must' is missing: The secret");
    EXPECT_FALSE(table.parse(map({entry("must", text("s")), entry("even", text("12"))}), wrong));
    EXPECT_EQ(wrong.errors.at(0), "f:1:1: too much");
}

TEST(Options, AMapIsNeeded) {
    ConfigProblems problems;
    EXPECT_FALSE(make_table().parse(text("5"), problems));
    EXPECT_EQ(problems.errors.at(0), "f:2:7: a map of options ('name: value' lines) belongs here, not '5'");
}

TEST(Options, TheListTellsTheManualEverything) {
    const OptionTable<Sample> table = make_table();
    const auto info = [&](std::string_view name) {
        for (const OptionInfo& each : table.list())
            if (each.name == name) return each;
        return OptionInfo{};
    };
    EXPECT_EQ(info("send").type, "true or false");
    EXPECT_EQ(info("send").default_text, "false");
    EXPECT_EQ(info("send").aliases, std::vector<std::string>{"send_pings"});
    EXPECT_EQ(info("idle").default_text, "1 minute");
    EXPECT_EQ(info("idle").range, "1 second to 1 hour, or infinity");
    EXPECT_EQ(info("grace").default_text, "");
    EXPECT_TRUE(info("grace").restart);
    EXPECT_EQ(info("rate").default_text, "0.5");
    EXPECT_EQ(info("size").default_text, "64 KB");
    EXPECT_EQ(info("size").range, "at most 1 MB");
    EXPECT_EQ(info("title").default_text, "\"a b\"");
    EXPECT_EQ(info("names").default_text, "[x, y]");
    EXPECT_EQ(info("action").default_text, "kill");
    EXPECT_EQ(info("action").range, "none, kill");
    EXPECT_EQ(info("inner").nested.size(), 2u);
    EXPECT_EQ(info("list").type, "list of maps");
    EXPECT_EQ(info("point").type, "point");
}

}  // namespace
}  // namespace rookery
