#include "base/crypto.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "base/bytes.h"

namespace rookery {
namespace {

using enum HashAlgorithm;

TEST(Crypto, HashesMatchKnownAnswers) {
    EXPECT_EQ(hex_encode(hash(sha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_EQ(hex_encode(hash(sha256, "")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hex_encode(hash(sha512, "abc")),
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Crypto, HmacMatchesRfc4231AndTakesAnEmptyKey) {
    EXPECT_EQ(hex_encode(hmac(sha256, "Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hex_encode(hmac(sha256, "", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
    EXPECT_EQ(hex_encode(hmac(sha1, "Jefe", "what do ya want for nothing?")),
              "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Crypto, Pbkdf2MatchesRfc6070) {
    EXPECT_EQ(hex_encode(pbkdf2(sha1, "password", "salt", 2)), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    EXPECT_EQ(pbkdf2(sha512, "", "salt", 1).size(), hash_size(sha512));
}

TEST(Crypto, EqualSecretComparesAllBytes) {
    EXPECT_TRUE(equal_secret("", ""));
    EXPECT_TRUE(equal_secret("abc", "abc"));
    EXPECT_FALSE(equal_secret("abc", "abd"));
    EXPECT_FALSE(equal_secret("abc", "xbc"));
    EXPECT_FALSE(equal_secret("abc", "ab"));
    EXPECT_FALSE(equal_secret(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

TEST(Crypto, WipeOverwritesTheBytesItHeld) {
    std::string secret(100, 's');
    const char* const at = secret.data();
    wipe(secret);
    EXPECT_TRUE(secret.empty());
    ASSERT_EQ(secret.data(), at);  // same memory, still owned
    secret.resize(0);
    for (std::size_t i = 0; i < 100; ++i) EXPECT_NE(at[i], 's');
}

TEST(Crypto, TokensAreUrlSafeAndDiffer) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) seen.insert(random_token());
    EXPECT_EQ(seen.size(), 1000u);
    for (const std::string& token : seen) {
        EXPECT_EQ(token.size(), 22u);
        EXPECT_EQ(token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                  std::string::npos);
    }
    EXPECT_EQ(random_bytes(0), "");
    EXPECT_NE(random_u64(), random_u64());
}

TEST(Crypto, IsSafeFromManyThreads) {
    const std::string expected = hmac(sha256, "key", "data");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            for (int i = 0; i < 200; ++i) EXPECT_EQ(hmac(sha256, "key", "data"), expected);
        });
    for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace rookery
