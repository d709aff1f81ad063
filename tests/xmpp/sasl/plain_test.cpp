#include <gtest/gtest.h>

#include "xmpp/sasl/mechanisms.h"
#include "xmpp/sasl/plain_cache.h"

namespace rookery {
namespace {

using enum HashAlgorithm;
using namespace std::string_view_literals;

SaslContext context() {
    SaslContext context;
    context.domain = "example.org";
    context.mechanisms = {"PLAIN"};
    context.fake_secret = "fake secret";
    context.key_forms = {KeyForm{sha256, 64}};
    return context;
}

ScramKeys keys_of(std::string_view password, HashAlgorithm algorithm = sha256) {
    return make_scram_keys(algorithm, password, "salt of 16 bytes", 64);
}

std::string failure_of(const SaslStep& step) {
    const auto* failure = std::get_if<SaslFailure>(&step);
    return failure ? std::string(sasl_condition_name(failure->condition)) : "no failure";
}

// The whole exchange, with the caller's part done as it should be: "success user" or the condition.
std::string attempt(std::string_view message, const Credentials& credentials) {
    const auto mechanism = make_sasl_mechanism("PLAIN", context());
    const SaslStep first = mechanism->step(message);
    if (!std::holds_alternative<SaslNeedCredentials>(first)) return failure_of(first);
    const SaslStep second = mechanism->provide(credentials);
    const auto* check = std::get_if<SaslCheckPassword>(&second);
    if (!check) return failure_of(second);
    const SaslStep last = mechanism->password_checked(password_matches(check->keys, check->password));
    const auto* success = std::get_if<SaslSuccess>(&last);
    return success ? "success " + success->account : failure_of(last);
}

TEST(Plain, RightPasswordSucceedsWrongOneFails) {
    EXPECT_EQ(attempt("\0user\0pencil"sv, {keys_of("pencil")}), "success user");
    EXPECT_EQ(attempt("\0user\0pencils"sv, {keys_of("pencil")}), "not-authorized");
    EXPECT_EQ(attempt("\0user\0pencil"sv, {keys_of("pencil", sha1)}), "success user");
    EXPECT_EQ(attempt("\0USER\0pencil"sv, {keys_of("pencil")}), "success user");
}

TEST(Plain, A1A2A3AuthzidIsNobodyElse) {
    const Credentials alice = {keys_of("secret")};
    EXPECT_EQ(attempt("\0alice\0secret"sv, alice), "success alice");
    EXPECT_EQ(attempt("alice@example.org\0alice\0secret"sv, alice), "success alice");
    EXPECT_EQ(attempt("Alice@Example.ORG\0alice\0secret"sv, alice), "success alice");
    EXPECT_EQ(attempt("bob@example.org\0alice\0secret"sv, alice), "invalid-authzid");
    EXPECT_EQ(attempt("@@@\0alice\0secret"sv, alice), "invalid-authzid");
    EXPECT_EQ(attempt("alice@evil\0alice\0secret"sv, alice), "invalid-authzid");
    EXPECT_EQ(attempt("alice@example.org/phone\0alice\0secret"sv, alice), "invalid-authzid");
    EXPECT_EQ(attempt("alice\0alice\0secret"sv, alice), "invalid-authzid");
}

TEST(Plain, A6MalformedMessages) {
    const Credentials any = {keys_of("x")};
    const std::string long_password = std::string("\0user\0", 6) + std::string(1 << 20, 'x');
    for (std::string_view message : {""sv, "user"sv, "user\0pencil"sv, "\0user\0pencil\0"sv, "\0\0pencil"sv,
                                     "\0user\0"sv, "\0\0"sv, "\0us\xFF\0pencil"sv, std::string_view(long_password)})
        EXPECT_EQ(attempt(message, any), "malformed-request") << message.size();
}

TEST(Plain, NamesAndPasswordsThatCannotExistFail) {
    EXPECT_EQ(attempt("\0a@b\0x"sv, {keys_of("x")}), "not-authorized");
    EXPECT_EQ(attempt("\0user\0a\x01"sv, {keys_of("a\x01")}), "not-authorized");
}

TEST(Plain, A12UnknownUserTakesTheSamePathAndFailsEvenIfTheCallerSaysYes) {
    const auto mechanism = make_sasl_mechanism("PLAIN", context());
    mechanism->step("\0nobody\0pencil"sv);
    const SaslStep step = mechanism->provide({});
    const auto* check = std::get_if<SaslCheckPassword>(&step);
    ASSERT_TRUE(check);
    EXPECT_EQ(check->keys.iterations, 64);
    EXPECT_EQ(check->keys.algorithm, sha256);
    EXPECT_FALSE(password_matches(check->keys, check->password));
    EXPECT_EQ(failure_of(mechanism->password_checked(true)), "not-authorized");
}

// The hash an account's password is checked by is its own, not today's: a missing one takes the time of some time.
TEST(Plain, A12TheHashIsThatOfTheKeys) {
    const auto checked_by = [](const Credentials& credentials) {
        const auto mechanism = make_sasl_mechanism("PLAIN", context());
        mechanism->step("\0user\0pencil"sv);
        const SaslStep step = mechanism->provide(credentials);
        return std::get<SaslCheckPassword>(step).keys.algorithm;
    };
    EXPECT_EQ(checked_by({keys_of("pencil", sha1), keys_of("pencil", sha256), keys_of("pencil", sha512)}), sha256);
    EXPECT_EQ(checked_by({keys_of("pencil", sha1), keys_of("pencil", sha512)}), sha512);
    EXPECT_EQ(checked_by({keys_of("pencil", sha1)}), sha1);
}

TEST(Plain, StepsOutOfTurnFail) {
    const auto early = make_sasl_mechanism("PLAIN", context());
    EXPECT_EQ(failure_of(early->password_checked(true)), "not-authorized");
    const auto twice = make_sasl_mechanism("PLAIN", context());
    twice->step("\0user\0pencil"sv);
    EXPECT_EQ(failure_of(twice->step("\0user\0pencil"sv)), "not-authorized");
    EXPECT_EQ(failure_of(twice->provide({keys_of("pencil")})), "not-authorized");
    const auto hasty = make_sasl_mechanism("PLAIN", context());
    hasty->step("\0user\0pencil"sv);
    EXPECT_EQ(failure_of(hasty->password_checked(true)), "not-authorized");
}

TEST(Passwords, AsciiStaysAsItIs) {
    EXPECT_EQ(prepare_password("pass word~!"), "pass word~!");
    EXPECT_EQ(prepare_password(""), std::nullopt);
    EXPECT_EQ(prepare_password(std::string(1023, 'x')), std::string(1023, 'x'));
    EXPECT_EQ(prepare_password(std::string(1024, 'x')), std::nullopt);
    for (std::string_view control : {"a\nb"sv, "a\0b"sv, "\x7F"sv}) EXPECT_EQ(prepare_password(control), std::nullopt);
}

TEST(Passwords, UnicodeIsPreparedAsScramClientsDo) {
    EXPECT_EQ(prepare_password("I\xC2\xADX"), "IX");       // RFC 4013: soft hyphen
    EXPECT_EQ(prepare_password("\xC2\xAA"), "a");          // RFC 4013: NFKC
    EXPECT_EQ(prepare_password("\xE2\x85\xA8"), "IX");     // RFC 4013: NFKC
    EXPECT_EQ(prepare_password("e\xCC\x81"), "\xC3\xA9");  // composed
    EXPECT_EQ(prepare_password("a\xC2\xA0"
                               "b"),
              "a b");  // spaces
    EXPECT_EQ(prepare_password("caf\xC3\xA9"), "caf\xC3\xA9");
    EXPECT_EQ(prepare_password("\xF0\x9F\xA6\x84"), "\xF0\x9F\xA6\x84");  // younger than stringprep
    EXPECT_EQ(prepare_password("\xD7\xA9\xD7\x9C"
                               "1"),
              "\xD7\xA9\xD7\x9C"
              "1");                                          // right to left, with a digit
    EXPECT_EQ(prepare_password("\xC2\xAD"), std::nullopt);   // nothing is left
    EXPECT_EQ(prepare_password("a\xC2\x85"), std::nullopt);  // C1 control
    EXPECT_EQ(prepare_password("\xFF"), std::nullopt);
    EXPECT_EQ(prepare_password("\xED\xA0\x80"), std::nullopt);
    std::string growing;
    while (growing.size() + 3 <= 1023) growing += "\xEF\xB7\xBA";  // one character becomes eighteen
    EXPECT_EQ(prepare_password(growing), std::nullopt);
}

TEST(Passwords, MatchOnlyTheirOwnKeys) {
    const ScramKeys keys = keys_of("pencil", sha512);
    EXPECT_EQ(keys.stored_key.size(), hash_size(sha512));
    EXPECT_TRUE(password_matches(keys, "pencil"));
    EXPECT_FALSE(password_matches(keys, "Pencil"));
    EXPECT_NE(keys_of("pencil", sha256).stored_key, make_scram_keys(sha256, "pencil", "other salt", 64).stored_key);
    EXPECT_EQ(find_keys({keys}, sha1), nullptr);
}

TEST(PlainCache, KnowsOnlyWhatWasRemembered) {
    PlainCache cache(10);
    const ScramKeys keys = keys_of("pencil");
    EXPECT_FALSE(cache.knows("a@b", "pencil", keys));
    cache.remember("a@b", "pencil", keys);
    EXPECT_TRUE(cache.knows("a@b", "pencil", keys));
    EXPECT_FALSE(cache.knows("a@b", "pencils", keys));
    EXPECT_FALSE(cache.knows("c@b", "pencil", keys));
    EXPECT_FALSE(cache.knows("", "", keys));
}

TEST(PlainCache, ForgetsWhenTheKeysChange) {
    PlainCache cache(10);
    cache.remember("a@b", "pencil", keys_of("pencil"));
    EXPECT_FALSE(cache.knows("a@b", "pencil", keys_of("new")));
    EXPECT_FALSE(cache.knows("a@b", "pencil", make_scram_keys(sha256, "pencil", "new salt", 64)));
    cache.forget("a@b");
    EXPECT_FALSE(cache.knows("a@b", "pencil", keys_of("pencil")));
    cache.forget("never@seen");
    EXPECT_EQ(cache.size(), 0u);
}

TEST(PlainCache, IsBoundedAndDropsTheLongestUnused) {
    PlainCache cache(3);
    const ScramKeys keys = keys_of("p");
    for (const char* account : {"a", "b", "c"}) cache.remember(account, "p", keys);
    EXPECT_TRUE(cache.knows("a", "p", keys));  // used again
    cache.remember("d", "p", keys);
    cache.remember("d", "p", keys);
    EXPECT_EQ(cache.size(), 3u);
    EXPECT_TRUE(cache.knows("a", "p", keys));
    EXPECT_FALSE(cache.knows("b", "p", keys));
    EXPECT_TRUE(cache.knows("d", "p", keys));
    PlainCache none(0);
    none.remember("a", "p", keys);
    EXPECT_EQ(none.size(), 0u);
}

}  // namespace
}  // namespace rookery
