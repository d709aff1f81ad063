#include "base/config_value.h"

#include <gtest/gtest.h>

#include <array>

namespace rookery {
namespace {

ConfigValue text(std::string_view scalar, bool quoted = false) {
    return ConfigValue::scalar(scalar, Mark("conf/rookery.yml", 12, 5), quoted);
}

template <class T>
std::string message(const Result<T>& result) {
    return result.ok() ? "accepted" : result.error().message;
}

TEST(ConfigValue, MessageNamesPlaceFaultAndCure) {
    EXPECT_EQ(message(read_integer("max_user_sessions", text("ten"), {1, 1000})),
              "conf/rookery.yml:12:5: 'max_user_sessions' must be a whole number from 1 to 1000, not 'ten'; "
              "write for example 'max_user_sessions: 10'");
    EXPECT_EQ(message(read_bool("tls", ConfigValue::list({}, Mark("f", 1, 2)))),
              "f:1:2: 'tls' must be true or false, not an empty list; write for example 'tls: true'");
}

TEST(ConfigValue, Booleans) {
    for (std::string_view yes : {"true", "yes", "on", "True", "ON"}) EXPECT_TRUE(*read_bool("x", text(yes))) << yes;
    for (std::string_view no : {"false", "no", "off"}) EXPECT_FALSE(*read_bool("x", text(no))) << no;
    EXPECT_FALSE(read_bool("x", text("1")).ok());
    EXPECT_FALSE(read_bool("x", text("yes", true)).ok());
    EXPECT_FALSE(read_bool("x", ConfigValue()).ok());
}

TEST(ConfigValue, IntegersKeepTheirRange) {
    EXPECT_EQ(*read_integer("x", text("1"), {1, 5}), 1);
    EXPECT_EQ(*read_integer("x", text("-3"), {-5, 5}), -3);
    for (std::string_view bad : {"0", "6", "1.0", "1e3", "", " 1", "0x1", "+1", "99999999999999999999", "infinity"})
        EXPECT_FALSE(read_integer("x", text(bad), {1, 5}).ok()) << bad;
    EXPECT_EQ(*read_integer("x", text("infinity"), {1, 5, true}), unlimited);
}

TEST(ConfigValue, Numbers) {
    EXPECT_EQ(*read_number("x", text("0.25"), 0, 1), 0.25);
    for (std::string_view bad : {"nan", "inf", "2", "x", "", "0.5x"})
        EXPECT_FALSE(read_number("x", text(bad), 0, 1).ok()) << bad;
}

TEST(ConfigValue, DurationsInEjabberdsForms) {
    const std::array<std::pair<std::string_view, Milliseconds>, 10> good{{{"30", Seconds(30)},
                                                                          {"30 seconds", Seconds(30)},
                                                                          {"1 second", Seconds(1)},
                                                                          {"5 minutes", Seconds(300)},
                                                                          {"5min", Seconds(300)},
                                                                          {"1 hour", Seconds(3600)},
                                                                          {"2 days", Seconds(172'800)},
                                                                          {"500 ms", Milliseconds(500)},
                                                                          {"1 Week", Seconds(604'800)},
                                                                          {"0", Seconds(0)}}};
    for (const auto& [form, expected] : good) EXPECT_EQ(*read_duration("x", text(form)), expected) << form;
    for (std::string_view bad : {"", "seconds", "-1", "1 fortnight", "1.5 hours", "1 hour 2",
                                 "9223372036854775807 days", "infinity", "99999999999999999999"})
        EXPECT_FALSE(read_duration("x", text(bad)).ok()) << bad;
    DurationRange endless;
    endless.or_infinity = true;
    EXPECT_EQ(*read_duration("x", text("infinity"), endless), forever);
    EXPECT_EQ(message(read_duration("x", text("0"), {Seconds(1), Seconds(60)})),
              "conf/rookery.yml:12:5: 'x' must be a time from 1 second to 1 minute, not '0'; write for example 'x: 30 "
              "seconds'");
}

TEST(ConfigValue, Sizes) {
    EXPECT_EQ(*read_size("x", text("65536")), 65536);
    EXPECT_EQ(*read_size("x", text("64 KB")), 65536);
    EXPECT_EQ(*read_size("x", text("1MiB")), 1 << 20);
    EXPECT_EQ(*read_size("x", text("infinity"), {0, 100, true}), unlimited);
    for (std::string_view bad : {"64 TB", "KB", "-1", "9223372036854775807 KB"})
        EXPECT_FALSE(read_size("x", text(bad)).ok()) << bad;
}

TEST(ConfigValue, AScalarIsAListOfOne) {
    EXPECT_EQ(*read_strings("x", text("one")), std::vector<std::string>{"one"});
    EXPECT_EQ(*read_strings("x", ConfigValue::list({text("a"), text("b")})), (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(read_strings("x", ConfigValue())->empty());
    EXPECT_FALSE(read_strings("x", ConfigValue::list({ConfigValue::list({})})).ok());
    EXPECT_FALSE(read_strings("x", ConfigValue::map({})).ok());
    EXPECT_FALSE(read_string("x", ConfigValue::list({})).ok());
}

TEST(ConfigValue, ChoicesListWhatIsAllowedAndOfferTheNearest) {
    const std::array<std::string_view, 3> allowed{"sha", "sha256", "sha512"};
    EXPECT_EQ(*read_choice("hash", text("sha256"), allowed), 1u);
    EXPECT_EQ(message(read_choice("hash", text("sha265"), allowed)),
              "conf/rookery.yml:12:5: 'hash' must be one of sha, sha256 or sha512, not 'sha265'; write for example "
              "'hash: sha256'");
}

TEST(ConfigValue, AmountsAreWrittenAsTheyAreRead) {
    for (std::int64_t ms : {0, 1, 999, 1000, 60'000, 90'000, 3'600'000, 86'400'000})
        EXPECT_EQ(*read_duration("x", text(duration_text(Milliseconds(ms)))), Milliseconds(ms)) << ms;
    for (std::int64_t size : {0, 1, 1023, 1024, 1 << 20, 3 << 20, 1 << 30})
        EXPECT_EQ(*read_size("x", text(size_text(size))), size) << size;
}

TEST(ConfigValue, NearestFindsTyposOnly) {
    const std::array<std::string_view, 4> known{"max_user_sessions", "hosts", "listen", "acl"};
    EXPECT_EQ(nearest("max_user_session", known), "max_user_sessions");
    EXPECT_EQ(nearest("hsots", known), "hosts");
    EXPECT_EQ(nearest("Listen", known), "listen");
    EXPECT_EQ(nearest("modules", known), std::nullopt);
    EXPECT_EQ(nearest("", known), std::nullopt);
    EXPECT_EQ(nearest(std::string(100'000, 'x'), known), std::nullopt);
}

TEST(ConfigValue, LongValuesAreCutInMessages) {
    const std::string shown = text(std::string(10'000, 'x') + "\n").shown();
    EXPECT_LT(shown.size(), 80u);
    EXPECT_EQ(text("a\nb").shown(), "'a b'");
}

TEST(ConfigValue, LookupOfEntries) {
    const ConfigValue map = ConfigValue::map({{"a", text("1")}, {"b", text("2")}});
    EXPECT_EQ(map.find("b")->text, "2");
    EXPECT_EQ(map.find("c"), nullptr);
    EXPECT_EQ(text("x").find("a"), nullptr);
}

}  // namespace
}  // namespace rookery
