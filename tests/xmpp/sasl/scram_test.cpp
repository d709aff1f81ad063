#include <gtest/gtest.h>

#include "scram_client.h"
#include "xmpp/sasl/mechanisms.h"

namespace rookery {
namespace {

using enum HashAlgorithm;

constexpr int iterations = 64;  // tests measure nothing here

SaslContext context() {
    SaslContext context;
    context.domain = "example.org";
    context.mechanisms = {"SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"};
    context.fake_secret = "fake secret";
    context.key_forms = {KeyForm{sha256, iterations}};
    return context;
}

SaslContext bound_context() {
    SaslContext bound = context();
    bound.bindings.tls_exporter = "exporter data of this session";
    bound.bindings.tls_server_end_point = "end point";
    bound.channel_bindings = bound.bindings.types();
    bound.mechanisms = available_sasl_mechanisms(bound.bindings);
    return bound;
}

Credentials keys_of(HashAlgorithm algorithm, std::string_view password = "pencil") {
    return {make_scram_keys(algorithm, password, "salt of 16 bytes", iterations)};
}

std::string name_of(HashAlgorithm algorithm) {
    return algorithm == sha1 ? "SCRAM-SHA-1" : algorithm == sha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";
}

// What a step is, in a word: "challenge", "success user", "failure not-authorized", ...
std::string outcome(const SaslStep& step) {
    if (std::get_if<SaslChallenge>(&step)) return "challenge";
    if (const auto* need = std::get_if<SaslNeedCredentials>(&step)) return "need " + need->account;
    if (std::get_if<SaslCheckPassword>(&step)) return "check";
    if (const auto* success = std::get_if<SaslSuccess>(&step)) return "success " + success->account;
    return "failure " + std::string(sasl_condition_name(std::get<SaslFailure>(step).condition));
}

std::string challenge_of(const SaslStep& step) {
    const auto* challenge = std::get_if<SaslChallenge>(&step);
    return challenge ? challenge->data : "";
}

// A whole exchange; how it ended.
std::string attempt(SaslMechanism& mechanism, ScramClient& client, const Credentials& credentials) {
    SaslStep first = mechanism.step(client.first());
    if (!std::holds_alternative<SaslNeedCredentials>(first)) return outcome(first);
    SaslStep second = mechanism.provide(credentials);
    if (!std::holds_alternative<SaslChallenge>(second)) return outcome(second);
    SaslStep last = mechanism.step(client.final(challenge_of(second)));
    const auto* success = std::get_if<SaslSuccess>(&last);
    if (success && success->data != client.expected_server_final()) return "wrong server signature";
    return outcome(last);
}

std::string attempt(ScramClient client, const Credentials& credentials, SaslContext with = context()) {
    const bool plus = client.gs2_header.starts_with("p=");
    const auto mechanism = make_sasl_mechanism(name_of(client.algorithm) + (plus ? "-PLUS" : ""), std::move(with));
    return mechanism ? attempt(*mechanism, client, credentials) : "no such mechanism";
}

ScramClient bound_client() {
    ScramClient client;
    client.gs2_header = "p=tls-exporter,,";
    client.binding_data = "exporter data of this session";
    return client;
}

TEST(Scram, Rfc5802Example) {
    SaslContext plain = context();
    plain.downgrade_protection = false;
    const auto mechanism = make_scram(sha1, false, plain, "3rfcNHYJY1ZVvWVs7j");
    EXPECT_EQ(outcome(mechanism->step("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")), "need user");
    const std::string salt = *base64_decode("QSXCR+Q6sek8bf92");
    EXPECT_EQ(challenge_of(mechanism->provide({make_scram_keys(sha1, "pencil", salt, 4096)})),
              "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096");
    const SaslStep last =
        mechanism->step("c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=");
    ASSERT_EQ(outcome(last), "success user");
    EXPECT_EQ(std::get<SaslSuccess>(last).data, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

TEST(Scram, Rfc7677Example) {
    SaslContext plain = context();
    plain.downgrade_protection = false;
    const auto mechanism = make_scram(sha256, false, plain, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
    EXPECT_EQ(outcome(mechanism->step("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")), "need user");
    const std::string salt = *base64_decode("W22ZaJ0SNY7soEsUEjb6gQ==");
    EXPECT_EQ(challenge_of(mechanism->provide({make_scram_keys(sha256, "pencil", salt, 4096)})),
              "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    const SaslStep last = mechanism->step(
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    ASSERT_EQ(outcome(last), "success user");
    EXPECT_EQ(std::get<SaslSuccess>(last).data, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

// With channel binding, the downgrade hash and an extension in client-final.
TEST(Scram, Xep0474Example) {
    SaslContext bound = context();
    bound.mechanisms = {"SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"};
    bound.bindings.tls_exporter = "THIS IS FAKE CB DATA";
    bound.channel_bindings = {"tls-server-end-point", "tls-exporter"};
    const auto mechanism = make_scram(sha1, true, bound, "a09117a6-ac50-4f2f-93f1-93799c2bddf6");
    EXPECT_EQ(outcome(mechanism->step("p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6")), "need user");
    EXPECT_EQ(
        challenge_of(mechanism->provide({make_scram_keys(sha1, "pencil", *base64_decode("QSXCR+Q6sek8bf92"), 4096)})),
        "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,s=QSXCR+Q6sek8bf92,i=4096,"
        "h=G6k/rBLDqgOhRRaCuuatSDFkJ08=");
    const SaslStep last = mechanism->step(
        "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,"
        "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,"
        "x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=");
    ASSERT_EQ(outcome(last), "success user");
    EXPECT_EQ(std::get<SaslSuccess>(last).data, "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=");
    EXPECT_TRUE(std::get<SaslSuccess>(last).channel_bound);
}

TEST(Scram, DowngradeHashWithoutChannelBindings) {
    EXPECT_EQ(downgrade_hash(sha256, {"SCRAM-SHA-1", "PLAIN"}, {}),
              base64_encode(hash(sha256, "PLAIN\x1ESCRAM-SHA-1")));
}

class ScramHashes : public testing::TestWithParam<HashAlgorithm> {};
INSTANTIATE_TEST_SUITE_P(All, ScramHashes, testing::Values(sha1, sha256, sha512));

TEST_P(ScramHashes, RightPasswordSucceedsWrongOneFails) {
    ScramClient client;
    client.algorithm = GetParam();
    EXPECT_EQ(attempt(client, keys_of(GetParam())), "success user");
    client.password = "pencils";
    EXPECT_EQ(attempt(client, keys_of(GetParam())), "failure not-authorized");
}

TEST_P(ScramHashes, ChannelBindingMustBeThatOfThisSession) {
    ScramClient client = bound_client();
    client.algorithm = GetParam();
    EXPECT_EQ(attempt(client, keys_of(GetParam()), bound_context()), "success user");
    client.binding_data = "exporter data of another session";
    EXPECT_EQ(attempt(client, keys_of(GetParam()), bound_context()), "failure not-authorized");
}

TEST_P(ScramHashes, EveryBitOfTheProofCounts) {
    ScramClient client;
    client.algorithm = GetParam();
    const Credentials credentials = keys_of(GetParam());
    for (std::size_t bit = 0; bit < hash_size(GetParam()) * 8; bit += 7) {
        const auto mechanism = make_sasl_mechanism(name_of(GetParam()), context());
        mechanism->step(client.first());
        std::string good = client.final(challenge_of(mechanism->provide(credentials)));
        const std::size_t at = good.rfind(",p=") + 3;
        std::string proof = *base64_decode(good.substr(at));
        proof[bit / 8] = static_cast<char>(proof[bit / 8] ^ 1 << bit % 8);
        EXPECT_EQ(outcome(mechanism->step(good.substr(0, at) + base64_encode(proof))), "failure not-authorized") << bit;
    }
}

// A8.
class ScramRefusesFirst : public testing::TestWithParam<const char*> {};
TEST_P(ScramRefusesFirst, Malformed) {
    const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", context());
    EXPECT_EQ(outcome(mechanism->step(GetParam())), "failure malformed-request");
}
INSTANTIATE_TEST_SUITE_P(A8, ScramRefusesFirst,
                         testing::Values("", "n", "n,", "n,,", "n,,n=user", "n,,n=user,", "n,,r=nonce,n=user",
                                         "n,,n=,r=nonce", "n,,n=user,r=", "n,,n=us=er,r=x", "n,,n=user=2,r=x",
                                         "n,,n=user=2c,r=x", "x,,n=user,r=x", "p=,,n=user,r=x", ",,n=user,r=x",
                                         "n,user,n=user,r=x", "n,a=,n=user,r=x", "n,,m=ext,n=user,r=x",
                                         "n,,n=user,r=x,m=ext", "n,,n=user,r=x,i=4096", "n,,n=user,r=x,e",
                                         "n,,n=user,r=x,", "n,,n=user,r=x,1=y", "n,,n=user,r=a b",
                                         "n,,n=user,r=\xC3\xA9",
                                         "n,,n=us\xFF\xFE"
                                         "er,r=x",
                                         "\xC0\x80,,n=user,r=x"));

TEST(Scram, A8RefusesNulAndLengthWithoutBound) {
    EXPECT_EQ(outcome(make_sasl_mechanism("SCRAM-SHA-256", context())->step(std::string_view("n,,n=us\0er,r=x", 14))),
              "failure malformed-request");
    EXPECT_EQ(outcome(make_sasl_mechanism("SCRAM-SHA-256", context())->step("n,,n=user,r=" + std::string(257, 'n'))),
              "failure malformed-request");
    EXPECT_EQ(
        outcome(make_sasl_mechanism("SCRAM-SHA-256", context())->step("n,,n=" + std::string(10'000, 'u') + ",r=x")),
        "failure malformed-request");
}

TEST(Scram, A8RefusesWrongFinalMessages) {
    const Credentials credentials = keys_of(sha256);
    const auto end_with = [&](auto change) {
        ScramClient client;
        const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", context());
        mechanism->step(client.first());
        const std::string good = client.final(challenge_of(mechanism->provide(credentials)));
        return outcome(mechanism->step(change(client, good)));
    };
    const auto signed_as = [](ScramClient& client, const std::string& without) {
        return without + ",p=" + base64_encode(client.proof_of(without));
    };
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good; }), "success user");
    EXPECT_EQ(end_with([&](ScramClient& client, std::string) {
                  return signed_as(client, client.without_proof("other-nonce"));
              }),
              "failure not-authorized");
    EXPECT_EQ(end_with([&](ScramClient& client, std::string) {
                  return signed_as(client, client.without_proof("client-nonce"));
              }),
              "failure not-authorized");
    EXPECT_EQ(end_with([&](ScramClient& client, std::string good) {
                  return signed_as(client, good.substr(0, good.rfind(",p=")) + ",m=must-know");
              }),
              "failure malformed-request");
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good.substr(good.find(",r=") + 1); }),
              "failure malformed-request");  // no c
    EXPECT_EQ(end_with([](ScramClient&, std::string good) {
                  return good.substr(0, good.find(",r=")) + good.substr(good.rfind(",p="));
              }),
              "failure malformed-request");  // no r
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good.substr(0, good.rfind(",p=")); }),
              "failure malformed-request");  // no p
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good + ",x=after"; }), "failure malformed-request");
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good + "="; }), "failure incorrect-encoding");
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good.replace(0, 6, "c=biwt"); }),
              "failure not-authorized");
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good.replace(0, 6, "c=bi w"); }),
              "failure incorrect-encoding");
    EXPECT_EQ(end_with([](ScramClient&, std::string good) { return good.substr(0, good.rfind(",p=")) + ",p="; }),
              "failure not-authorized");
    EXPECT_EQ(end_with([](ScramClient&, std::string) { return std::string(); }), "failure malformed-request");
}

TEST(Scram, A8ASecondFinalMessageFails) {
    ScramClient client;
    const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", context());
    mechanism->step(client.first());
    const std::string good = client.final(challenge_of(mechanism->provide(keys_of(sha256))));
    EXPECT_EQ(outcome(mechanism->step(good)), "success user");
    EXPECT_EQ(outcome(mechanism->step(good)), "failure not-authorized");
}

TEST(Scram, ARightAnswerAfterAWrongOneFails) {
    ScramClient client;
    const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", context());
    mechanism->step(client.first());
    const std::string good = client.final(challenge_of(mechanism->provide(keys_of(sha256))));
    EXPECT_EQ(outcome(mechanism->step("c=biws")), "failure malformed-request");
    EXPECT_EQ(outcome(mechanism->step(good)), "failure not-authorized");
}

TEST(Scram, StepsOutOfTurnFail) {
    const auto early = make_sasl_mechanism("SCRAM-SHA-256", context());
    EXPECT_EQ(outcome(early->provide(keys_of(sha256))), "failure not-authorized");
    const auto hasty = make_sasl_mechanism("SCRAM-SHA-256", context());
    hasty->step(ScramClient().first());
    EXPECT_EQ(outcome(hasty->step("c=biws,r=x,p=AA==")), "failure not-authorized");
    EXPECT_EQ(outcome(hasty->password_checked(true)), "failure not-authorized");
}

TEST(Scram, A9FlagYIsADowngradeWherePlusWasOffered) {
    ScramClient client;
    client.gs2_header = "y,,";
    EXPECT_EQ(attempt(client, keys_of(sha256), bound_context()), "failure not-authorized");
    EXPECT_EQ(attempt(client, keys_of(sha256)), "success user");
    client.gs2_header = "n,,";  // a client without channel binding is welcome
    EXPECT_EQ(attempt(client, keys_of(sha256), bound_context()), "success user");
}

TEST(Scram, A10BindingTypeMustBeAvailableAndFitTheMechanism) {
    ScramClient unique = bound_client();
    unique.gs2_header = "p=tls-unique,,";
    EXPECT_EQ(attempt(unique, keys_of(sha256), bound_context()), "failure not-authorized");
    ScramClient unheard = bound_client();
    unheard.gs2_header = "p=tls-mine,,";
    EXPECT_EQ(attempt(unheard, keys_of(sha256), bound_context()), "failure not-authorized");
    ScramClient end_point = bound_client();
    end_point.gs2_header = "p=tls-server-end-point,,";
    EXPECT_EQ(attempt(end_point, keys_of(sha256), bound_context()),
              "failure not-authorized");  // data of the other type
    end_point.binding_data = "end point";
    EXPECT_EQ(attempt(end_point, keys_of(sha256), bound_context()), "success user");
    ScramClient plain;
    EXPECT_EQ(attempt(*make_scram(sha256, true, bound_context(), "n"), plain, keys_of(sha256)),
              "failure not-authorized");
    ScramClient bound = bound_client();
    EXPECT_EQ(attempt(*make_scram(sha256, false, bound_context(), "n"), bound, keys_of(sha256)),
              "failure not-authorized");
}

TEST(Scram, A11AlteredMechanismListIsSeenInTheHash) {
    const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", bound_context());
    mechanism->step(ScramClient().first());
    const std::string seen = ScramClient::attribute(challenge_of(mechanism->provide(keys_of(sha256))), 'h');
    EXPECT_EQ(seen, downgrade_hash(sha256, bound_context().mechanisms, bound_context().channel_bindings));
    EXPECT_NE(seen, downgrade_hash(sha256, {"SCRAM-SHA-256", "PLAIN"}, bound_context().channel_bindings));
    EXPECT_NE(seen, downgrade_hash(sha256, bound_context().mechanisms, {"tls-server-end-point"}));
}

TEST(Scram, A11AHashAlteredOnTheWayFails) {
    ScramClient client;
    const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", context());
    mechanism->step(client.first());
    std::string challenge = challenge_of(mechanism->provide(keys_of(sha256)));
    challenge.replace(challenge.find(",h=") + 3, 4, "AAAA");
    EXPECT_EQ(outcome(mechanism->step(client.final(challenge))), "failure not-authorized");
}

// A12: stable for a name, different for another, and shaped like a real one.
TEST(Scram, A12UnknownUserGetsAStableChallengeAndFailsAtTheProof) {
    const auto challenge_for = [](std::string_view name, const Credentials& credentials) {
        const auto mechanism = make_sasl_mechanism("SCRAM-SHA-256", context());
        EXPECT_EQ(outcome(mechanism->step("n,,n=" + std::string(name) + ",r=x")), "need " + std::string(name));
        return challenge_of(mechanism->provide(credentials));
    };
    const std::string nobody = challenge_for("nobody", {}), again = challenge_for("nobody", {});
    const std::string other = challenge_for("other", {}), real = challenge_for("user", keys_of(sha256));
    EXPECT_EQ(ScramClient::attribute(nobody, 's'), ScramClient::attribute(again, 's'));
    EXPECT_NE(ScramClient::attribute(nobody, 'r'), ScramClient::attribute(again, 'r'));
    EXPECT_NE(ScramClient::attribute(nobody, 's'), ScramClient::attribute(other, 's'));
    EXPECT_EQ(ScramClient::attribute(nobody, 's').size(), ScramClient::attribute(real, 's').size());
    EXPECT_EQ(ScramClient::attribute(nobody, 'i'), ScramClient::attribute(real, 'i'));
    EXPECT_EQ(nobody.size(), again.size());
    EXPECT_EQ(attempt(ScramClient(), {}), "failure not-authorized");
}

TEST(Scram, AnAccountWithoutKeysOfThisHashLooksLikeAnUnknownOne) {
    ScramClient client;
    client.algorithm = sha512;
    EXPECT_EQ(attempt(client, keys_of(sha256)), "failure not-authorized");
    EXPECT_EQ(attempt(client, {keys_of(sha256)[0], keys_of(sha512)[0]}), "success user");
    const auto salt = [](const Credentials& credentials) {
        const auto mechanism = make_sasl_mechanism("SCRAM-SHA-512", context());
        mechanism->step(ScramClient().first());
        return ScramClient::attribute(challenge_of(mechanism->provide(credentials)), 's');
    };
    EXPECT_EQ(salt(keys_of(sha256)), salt({}));
}

// A12: after the option was changed a missing account looks like one of before or one of after.
TEST(Scram, A12FakeRoundsAreThoseOfSomeTime) {
    const auto challenge_for = [](std::string_view name, std::string_view mechanism_name, const Credentials& credentials) {
        SaslContext later = context();
        later.key_forms = {KeyForm{sha256, 64}, KeyForm{sha256, 128}};
        const auto mechanism = make_sasl_mechanism(mechanism_name, later);
        mechanism->step("n,,n=" + std::string(name) + ",r=x");
        return challenge_of(mechanism->provide(credentials));
    };
    const auto rounds = [&](std::string_view name, std::string_view mechanism_name, const Credentials& credentials = {}) {
        return ScramClient::attribute(challenge_for(name, mechanism_name, credentials), 'i');
    };
    std::size_t old = 0;
    for (int i = 0; i < 100; ++i) {
        const std::string name = "nobody" + std::to_string(i);
        EXPECT_EQ(rounds(name, "SCRAM-SHA-256"), rounds(name, "SCRAM-SHA-1"));
        if (rounds(name, "SCRAM-SHA-256") == "64") ++old;
        // One that is there, but has no keys of this hash.
        EXPECT_EQ(rounds(name, "SCRAM-SHA-512", keys_of(sha256)), "64");
    }
    EXPECT_GT(old, 20u);
    EXPECT_LT(old, 80u);
}

TEST(Scram, A12AFormThatIsAddedTakesOnlyItsShareOfTheNames) {
    const std::vector<KeyForm> before = {KeyForm{sha256, 64}, KeyForm{sha512, 64}, KeyForm{sha256, 128}};
    std::vector<KeyForm> after = before;
    after.push_back(KeyForm{sha256, 256});
    std::size_t moved = 0;
    for (int i = 0; i < 200; ++i) {
        const std::string name = "nobody" + std::to_string(i);
        const KeyForm was = fake_form("secret", name, before), is = fake_form("secret", name, after);
        if (was == is) continue;
        ++moved;
        EXPECT_EQ(is, after.back());
        EXPECT_NE(fake_credentials("secret", name, sha256, was.iterations).salt,
                  fake_credentials("secret", name, sha256, is.iterations).salt);
    }
    EXPECT_GT(moved, 20u);
    EXPECT_LT(moved, 100u);
}

TEST(Scram, FakeKeysAreNotOpenedByTheirOwnStoredKey) {
    const ScramKeys fake = fake_credentials("fake secret", "user@example.org", sha256, iterations);
    const Credentials same = {fake};
    ScramClient client;
    client.password = fake.stored_key;
    EXPECT_EQ(attempt(client, same), "failure not-authorized");
    EXPECT_NE(fake_credentials("other secret", "user@example.org", sha256, iterations).salt, fake.salt);
}

TEST(Scram, A1A2A3AuthzidIsNobodyElse) {
    const auto with_authzid = [](std::string_view authzid) {
        ScramClient client;
        client.gs2_header = "n,a=" + std::string(authzid) + ",";
        return attempt(client, keys_of(sha256));
    };
    EXPECT_EQ(with_authzid("user@example.org"), "success user");
    for (const char* other : {"bob@example.org", "user@evil.org", "user", "user@example.org/r", "@@@", "example.org"})
        EXPECT_EQ(with_authzid(other), "failure invalid-authzid") << other;
}

TEST(Scram, NamesAreUnescapedAndNormalised) {
    const auto name_in = [](std::string_view name) {
        return outcome(make_sasl_mechanism("SCRAM-SHA-256", context())->step("n,,n=" + std::string(name) + ",r=x"));
    };
    EXPECT_EQ(name_in("User"), "need user");
    EXPECT_EQ(name_in("a=2Cb=3Dc"), "need a,b=c");
    EXPECT_EQ(name_in("a@b"), "failure not-authorized");
    EXPECT_EQ(name_in(std::string(1024, 'u')), "failure not-authorized");
}

TEST(Mechanisms, A4OnlyOfferedOnesAreMade) {
    EXPECT_EQ(make_sasl_mechanism("SCRAM-SHA-256-PLUS", context()), nullptr);
    EXPECT_EQ(make_sasl_mechanism("ANONYMOUS", context()), nullptr);
    EXPECT_EQ(make_sasl_mechanism("scram-sha-256", context()), nullptr);
    EXPECT_EQ(make_sasl_mechanism("", context()), nullptr);
    SaslContext odd = context();
    odd.mechanisms = {"SCRAM-SHA-3", "EXTERNAL"};
    EXPECT_EQ(make_sasl_mechanism("SCRAM-SHA-3", odd), nullptr);
    EXPECT_EQ(make_sasl_mechanism("EXTERNAL", odd), nullptr);
}

TEST(Mechanisms, OffersWhatBindingsAndStoredHashesAllow) {
    EXPECT_EQ(available_sasl_mechanisms({}, {sha256}), (std::vector<std::string>{"SCRAM-SHA-256", "PLAIN"}));
    EXPECT_EQ(
        available_sasl_mechanisms(bound_context().bindings, {sha1, sha512}),
        (std::vector<std::string>{"SCRAM-SHA-512-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-512", "SCRAM-SHA-1", "PLAIN"}));
    EXPECT_EQ(bound_context().bindings.types(), (std::vector<std::string>{"tls-exporter", "tls-server-end-point"}));
}

TEST(Mechanisms, A5MessagesAreStrictBase64) {
    EXPECT_EQ(decode_sasl_message("="), "");
    EXPECT_EQ(decode_sasl_message("AGE="), std::string("\0a", 2));
    for (const char* bad : {"AGE", "AGE= ", "A GE=", "AGF=", "=="})
        EXPECT_EQ(decode_sasl_message(bad), std::nullopt) << bad;
    EXPECT_EQ(encode_sasl_message(""), "=");
    EXPECT_EQ(encode_sasl_message("a"), "YQ==");
}

}  // namespace
}  // namespace rookery
