// The interpreter of plays: what it says when a play is not fulfilled, and what it lets pass.
#include "tests/support/play_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/test_server.h"

namespace rookery::test {
namespace {

using testing::HasSubstr;
using Verdict = PlayResult::Verdict;

PlayResult act(std::string_view steps) {
    const std::string text =
        "RFC 6120 1: a test\nclient juliet: juliet@localhost/balcony\nclient romeo: romeo@localhost/orchard\n" +
        std::string(steps);
    auto parsed = parse_play(text, "x.play");
    if (const auto* error = std::get_if<PlayError>(&parsed))
        return {Verdict::failed, std::to_string(error->line) + ": " + error->message};
    TestServer server;
    return run_play(std::get<Play>(parsed), server);
}

constexpr auto both_connect = "juliet connects\nromeo connects\n";
std::string after_login(std::string_view steps) { return both_connect + std::string(steps); }

TEST(RunPlay, WhatIsWrittenHappens) {
    const auto result = act(after_login(
        "juliet sends: <message type='chat' id='m1' to='romeo@localhost/orchard'><body>hi</body></message>\n"
        "romeo receives: <message type='chat' id='{=id}' from='juliet@localhost/balcony'><body>hi</body></message>\n"
        "romeo sends: <message id='{id}' to='{juliet}'><body>{repeat 3 ho}</body></message>\n"
        "juliet receives: <message id='m1'><body>hohoho</body></message>\n"
        "romeo disconnects\n"));
    EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
}

TEST(RunPlay, FailureNamesLineExpectationAndWhatCame) {
    const auto result =
        act(after_login("juliet sends: <message to='romeo@localhost/orchard'><body>hi</body></message>\n"
                        "romeo receives: <message><body>ho</body></message>\n"));
    EXPECT_EQ(result.verdict, Verdict::failed);
    EXPECT_THAT(result.reason, HasSubstr("x.play:7: expected"));
    EXPECT_THAT(result.reason, HasSubstr("<body>ho</body>"));
    EXPECT_THAT(result.reason, HasSubstr("<body>hi</body>"));
    EXPECT_THAT(result.reason, HasSubstr("has the text 'hi', expected 'ho'"));
}

TEST(RunPlay, NothingCameIsSaid) {
    const auto result = act(after_login("romeo receives: <message/>\n"));
    EXPECT_THAT(result.reason, HasSubstr("got\n    nothing"));
}

TEST(RunPlay, MoreThanNothingFails) {
    const auto result = act(after_login(
        "juliet sends: <message to='romeo@localhost/orchard'><body>hi</body></message>\nromeo receives nothing\n"));
    EXPECT_THAT(result.reason, HasSubstr("romeo was to receive nothing more"));
}

TEST(RunPlay, WhatIsNotMentionedFailsAtTheEnd) {
    const auto result =
        act(after_login("juliet sends: <message to='romeo@localhost/orchard'><body>hi</body></message>\n"));
    EXPECT_EQ(result.verdict, Verdict::failed);
    EXPECT_THAT(result.reason, HasSubstr("romeo was to receive nothing more"));
}

TEST(RunPlay, WhatIsSkippedDoesNot) {
    const auto result = act(after_login(
        "juliet sends: <message to='romeo@localhost/orchard'><body>hi</body></message>\nromeo skips what came\n"));
    EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
}

TEST(RunPlay, AnyOrderNeedsAllOfThem) {
    constexpr auto sends =
        "juliet sends:\n  <message to='romeo@localhost/orchard'><body>1</body></message>\n"
        "  <message to='romeo@localhost/orchard'><body>2</body></message>\n";
    constexpr auto swapped =
        "romeo receives in any order:\n  <message><body>2</body></message>\n  <message><body>1</body></message>\n";
    constexpr auto one_more =
        "romeo receives in any order:\n  <message><body>2</body></message>\n  <message><body>3</body></message>\n";
    EXPECT_EQ(act(after_login(std::string(sends) + swapped)).verdict, Verdict::passed);
    EXPECT_EQ(act(after_login(std::string(sends) + one_more)).verdict, Verdict::failed);
}

TEST(RunPlay, ErrorsAreToldByTheirConditions) {
    const std::string asks =
        after_login("juliet sends: <iq type='get' id='q1' to='localhost'><x xmlns='urn:x'/></iq>\n");
    EXPECT_EQ(act(asks + "juliet receives error service-unavailable for q1 from localhost of type cancel\n").verdict,
              Verdict::passed);
    EXPECT_EQ(act(asks + "juliet receives error item-not-found or service-unavailable\n").verdict, Verdict::passed);
    EXPECT_EQ(act(asks + "juliet receives error item-not-found for q1\n").verdict, Verdict::failed);
    EXPECT_EQ(act(asks + "juliet receives error service-unavailable for q2\n").verdict, Verdict::failed);
}

TEST(RunPlay, StreamErrorsEndAStream) {
    const auto result =
        act(after_login("juliet sends bytes: <a></b>\njuliet receives stream error not-well-formed\njuliet "
                        "connects\njuliet disconnects\n"));
    EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
    EXPECT_THAT(act(after_login("juliet sends bytes: <a></b>\njuliet receives stream error conflict\n")).reason,
                HasSubstr("expected the stream error conflict"));
}

TEST(RunPlay, UnknownBracesAreFailures) {
    EXPECT_THAT(act(after_login("juliet sends: <message id='{what}'/>\n")).reason,
                HasSubstr("nothing is known as {what}"));
}

TEST(RunPlay, MissingFeaturesSkip) {
    const auto result = act("requires starttls\njuliet connects\n");
    EXPECT_EQ(result.verdict, Verdict::skipped);
    EXPECT_EQ(result.reason, "needs starttls");
}

TEST(RunPlay, WrongPasswordsAndMissingAccountsFail) {
    const auto result =
        act("account nobody missing\nclient a: nobody@localhost, raw\nclient b: romeo@localhost, raw, wrong-password\n"
            "a connects and opens a stream\na fails to log in with not-authorized\n"
            "b connects and opens a stream\nb fails to log in with not-authorized\n");
    EXPECT_EQ(result.verdict, Verdict::passed) << result.reason;
}

}  // namespace
}  // namespace rookery::test
