// What stands in braces, and symbolic names.
#include "tests/support/play_text.h"

#include <gtest/gtest.h>

namespace rookery::test {
namespace {

Play with_accounts() {
    Play play;
    play.accounts = {{"juliet", "localhost", true}, {"romeo", "other.localhost", true}};
    return play;
}

std::string expanded(std::string_view text, const Captures& captures = {}) {
    std::string why;
    const auto made = expand(text, PlayNames(with_accounts(), "-7", "localhost", "other.localhost"), captures, &why);
    return made ? *made : "refused: " + why;
}

TEST(PlayNames, AccountsGetTheSuffixOfTheRun) {
    const PlayNames names(with_accounts(), "-7", "example.net", "example.org");
    EXPECT_EQ(names.to_real("to='juliet@localhost/a'"), "to='juliet-7@example.net/a'");
    EXPECT_EQ(names.to_real("JULIET@LocalHost"), "JULIET-7@example.net");
    EXPECT_EQ(names.to_real("romeo@other.localhost nobody@localhost"), "romeo-7@example.org nobody@example.net");
    EXPECT_EQ(names.to_real("to='localhost'"), "to='example.net'");
    EXPECT_EQ(names.to_real("mylocalhost localhosts"), "mylocalhost localhosts");
    EXPECT_EQ(names.to_symbolic("juliet-7@example.net"), "juliet@example.net");
    EXPECT_EQ(names.domain("other.localhost"), "example.org");
}

TEST(PlayNames, InProcessNothingChanges) {
    const PlayNames names(with_accounts(), "", "localhost", "other.localhost");
    constexpr auto text = "juliet@localhost romeo@other.localhost localhost";
    EXPECT_EQ(names.to_real(text), text);
}

TEST(Expand, MakesBytesAndRepetitions) {
    EXPECT_EQ(expanded("a{bytes 62 63}d"), "abcd");
    EXPECT_EQ(expanded("{repeat 3 ab}"), "ababab");
    EXPECT_EQ(expanded("{repeat 2 <a>{repeat 2 x}</a>}"), "<a>xx</a><a>xx</a>");
    EXPECT_EQ(expanded("{{x}"), "{x}");
}

TEST(Expand, MakesCredentials) {
    EXPECT_EQ(expanded("{base64 \\0{user juliet}\\0{password}}"), "AGp1bGlldC03AHdoZXJlZm9yZQ==");
}

TEST(Expand, UsesWhatWasCapturedEscaped) { EXPECT_EQ(expanded("{id}!", {{"id", "a&b"}}), "a&amp;b!"); }

TEST(Expand, RefusesTheUnknown) {
    EXPECT_EQ(expanded("{what}"), "refused: nothing is known as {what}");
    EXPECT_EQ(expanded("{repeat x y}"), "refused: expected {repeat NUMBER TEXT}");
    EXPECT_EQ(expanded("{bytes 6}"), "refused: expected {bytes} in hexadecimal");
    EXPECT_EQ(expanded("{oops"), "refused: a brace is not closed");
}

}  // namespace
}  // namespace rookery::test
