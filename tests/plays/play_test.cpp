// The format of plays: what parses, and where errors point.
#include "tests/support/play.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace rookery::test {
namespace {

using testing::HasSubstr;

Play parsed(std::string_view text) {
    auto result = parse_play(text, "x.play");
    if (const auto* error = std::get_if<PlayError>(&result)) {
        ADD_FAILURE() << error->line << ": " << error->message;
        return {};
    }
    return std::get<Play>(std::move(result));
}

PlayError refused(std::string_view text) {
    auto result = parse_play(text, "x.play");
    if (const auto* error = std::get_if<PlayError>(&result)) return *error;
    ADD_FAILURE() << "it was accepted";
    return {};
}

constexpr std::string_view head =
    "RFC 6121 3.1: a title\n"
    "client juliet: juliet@localhost/balcony\n"
    "account romeo\n";

Play parsed_behind_head(std::string_view rest) { return parsed(std::string(head) + std::string(rest)); }
PlayError refused_behind_head(std::string_view rest) { return refused(std::string(head) + std::string(rest)); }

TEST(Play, TitleNamesItsSource) {
    const auto play = parsed_behind_head("juliet connects\n");
    EXPECT_EQ(play.source, "RFC 6121 3.1");
    EXPECT_EQ(play.title, "a title");
    EXPECT_EQ(refused("Just a title\n").line, 1);
    EXPECT_EQ(refused("").line, 1);
}

TEST(Play, ClientHasAddressAndOptions) {
    const auto play = parsed(
        "XEP-0199 4: t\n"
        "client a: romeo@other.localhost/or chard, raw, plaintext, priority -5, mechanism PLAIN\n"
        "client b: juliet@localhost\n"
        "a connects\n");
    const auto& client = play.clients.at(0);
    EXPECT_EQ(client.user, "romeo");
    EXPECT_EQ(client.domain, "other.localhost");
    EXPECT_EQ(client.resource, "or chard");
    EXPECT_TRUE(client.raw);
    EXPECT_TRUE(client.plaintext);
    EXPECT_EQ(client.priority, -5);
    EXPECT_EQ(client.mechanism, "PLAIN");
    EXPECT_EQ(play.clients.at(1).resource, "");
    EXPECT_EQ(play.needs, std::vector<std::string>{"second-domain"});
}

TEST(Play, TwoClientsOfOneAccountMakeOneAccount) {
    const auto play = parsed("XEP-0199 4: t\nclient a: romeo@localhost/a\nclient b: romeo@localhost/b\na connects\n");
    EXPECT_EQ(play.accounts.size(), 1U);
}

TEST(Play, AccountMayBeMissing) {
    const auto play = parsed("XEP-0199 4: t\naccount nobody missing\nclient b: romeo@localhost/b\nb connects\n");
    EXPECT_FALSE(play.find_account("nobody")->exists);
    EXPECT_TRUE(play.find_account("romeo")->exists);
}

TEST(Play, DeedsMayBeJoined) {
    const auto play = parsed_behind_head("juliet connects, fetches the roster and is available\n");
    ASSERT_EQ(play.steps.size(), 3U);
    EXPECT_EQ(play.steps[0].act, Act::connect);
    EXPECT_EQ(play.steps[1].act, Act::fetch_roster);
    EXPECT_EQ(play.steps[2].act, Act::become_available);
}

TEST(Play, BlockLosesItsIndentationOnly) {
    const auto play = parsed_behind_head("juliet sends:\n    <a>\n      <b/>\n\n    </a>\njuliet receives nothing\n");
    EXPECT_EQ(play.steps[0].text, "<a>\n  <b/>\n\n</a>");
    EXPECT_EQ(play.steps[0].text_line, 5);
    EXPECT_EQ(play.steps[1].act, Act::expect_nothing);
}

TEST(Play, BlockMayStandOnTheSameLine) {
    const auto play = parsed_behind_head("juliet sends in pieces of 3 bytes: <presence/>\n");
    EXPECT_EQ(play.steps[0].text, "<presence/>");
    EXPECT_EQ(play.steps[0].pieces, 3);
}

TEST(Play, TimeHasUnits) {
    const auto play = parsed_behind_head("after 5 min\nafter 250 ms\nafter 2 days\n");
    EXPECT_EQ(play.steps[0].time, std::chrono::minutes(5));
    EXPECT_EQ(play.steps[1].time, Milliseconds(250));
    EXPECT_EQ(play.steps[2].time, std::chrono::hours(48));
    EXPECT_EQ(refused_behind_head("after 5 moons\n").line, 4);
}

TEST(Play, RelationsNameAccounts) {
    const auto play = parsed_behind_head(
        "juliet sees romeo\njuliet and romeo see each other\nromeo asks to see juliet\njuliet has romeo in the "
        "roster\n");
    ASSERT_EQ(play.steps.size(), 5U);
    EXPECT_EQ(play.steps[2].who, "romeo");
    EXPECT_EQ(play.steps[2].other, "juliet");
    EXPECT_EQ(play.steps[3].act, Act::asks_to_see);
    EXPECT_EQ(play.steps[4].act, Act::has_in_roster);
    EXPECT_THAT(refused_behind_head("juliet sees paris\n").message, HasSubstr("paris"));
}

TEST(Play, ConfigIsYamlOfItsOwn) {
    const auto play = parsed_behind_head("config registration:\n  modules:\n    mod_register: {}\njuliet connects\n");
    ASSERT_TRUE(play.config);
    EXPECT_EQ(play.config->name, "registration");
    EXPECT_EQ(play.config->yaml, "modules:\n  mod_register: {}");
}

TEST(Play, StreamErrorsAndFailuresAreWords) {
    const auto play =
        parsed_behind_head("juliet receives stream error conflict\njuliet fails to log in with not-authorized\n");
    EXPECT_EQ(play.steps[0].act, Act::expect_stream_error);
    EXPECT_EQ(play.steps[0].text, "conflict");
    EXPECT_EQ(play.steps[1].act, Act::expect_login_failure);
}

TEST(Play, ErrorsNameTheirLine) {
    EXPECT_EQ(refused_behind_head("\nparis connects\n").line, 5);
    EXPECT_THAT(refused_behind_head("juliet dances\n").message, HasSubstr("dances"));
    EXPECT_THAT(refused_behind_head("juliet sends:\njuliet connects\n").message, HasSubstr("block"));
    EXPECT_EQ(refused_behind_head("juliet connects\n  <a/>\n").line, 5);
    EXPECT_EQ(refused_behind_head("client juliet: juliet@localhost\n").line, 4);
    EXPECT_THAT(refused_behind_head("client a: b@localhost, brave\n").message, HasSubstr("brave"));
    EXPECT_THAT(refused_behind_head("# nothing but a comment\n").message, HasSubstr("no steps"));
}

TEST(Play, ExpectedXmlIsCheckedWhenRead) {
    const auto error = refused_behind_head("juliet receives:\n  <a>\n  </b>\n");
    EXPECT_EQ(error.line, 5);
    EXPECT_THAT(error.message, HasSubstr("well-formed"));
}

TEST(Plays, AllParseAndHaveTheirOwnTitle) {
    std::set<std::string> titles;
    for (const auto& file : find_plays(ROOKERY_SOURCE_DIR "/tests/scenarios")) {
        auto loaded = load_play(file);
        if (const auto* error = std::get_if<PlayError>(&loaded)) {
            ADD_FAILURE() << file << ":" << error->line << ": " << error->message;
            continue;
        }
        const auto& play = std::get<Play>(loaded);
        EXPECT_TRUE(titles.insert(play.source + play.title).second) << file << ": another play has this title";
    }
}

}  // namespace
}  // namespace rookery::test
