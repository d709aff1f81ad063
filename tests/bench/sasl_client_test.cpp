// Both sides of SCRAM written down here once more, against the client of the load generator.
#include "bench/load/sasl_client.h"

#include <gtest/gtest.h>

#include "base/bytes.h"

namespace rookery::bench {
namespace {

constexpr std::string_view kSalt = "0123456789abcdef";
constexpr int kIterations = 4096;

std::string xored(std::string left, const std::string& right) {
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<char>(left[i] ^ right[i]);
    return left;
}

TEST(SaslClient, plain_has_no_authzid) {
    ScramKeyCache cache;
    SaslClient client(SaslChoice::plain, "u1", "secret", cache);
    EXPECT_EQ(client.initial_response(), std::string("\0u1\0secret", 10));
}

TEST(SaslClient, scram_proves_the_password_and_checks_the_server) {
    ScramKeyCache cache;
    SaslClient client(SaslChoice::scram_sha_256, "u1", "secret", cache);
    const std::string first = client.initial_response();
    ASSERT_TRUE(first.starts_with("n,,n=u1,r="));
    const std::string bare = first.substr(3);
    const std::string nonce = first.substr(first.find("r=") + 2) + "server";
    const std::string challenge =
        "r=" + nonce + ",s=" + base64_encode(kSalt) + ",i=" + std::to_string(kIterations) + ",d=ignored";
    const auto response = client.respond(challenge);
    ASSERT_TRUE(response);

    const std::string without_proof = "c=biws,r=" + nonce;
    ASSERT_TRUE(response->starts_with(without_proof + ",p="));
    const auto sha = HashAlgorithm::sha256;
    const std::string salted = pbkdf2(sha, "secret", kSalt, kIterations);
    const std::string auth = bare + "," + challenge + "," + without_proof;
    const std::string stored_key = hash(sha, hmac(sha, salted, "Client Key"));
    const std::string client_key = xored(*base64_decode(response->substr(without_proof.size() + 3)),
                                         hmac(sha, stored_key, auth));
    EXPECT_EQ(hash(sha, client_key), stored_key);
    const std::string proof = "v=" + base64_encode(hmac(sha, hmac(sha, salted, "Server Key"), auth));
    EXPECT_TRUE(client.accept_success(proof));
    EXPECT_FALSE(client.accept_success("v=" + base64_encode("something else")));
    EXPECT_FALSE(client.accept_success(""));
}

TEST(SaslClient, a_challenge_for_another_nonce_is_refused) {
    ScramKeyCache cache;
    SaslClient client(SaslChoice::scram_sha_1, "u1", "secret", cache);
    client.initial_response();
    EXPECT_FALSE(client.respond("r=other,s=" + base64_encode(kSalt) + ",i=4096"));
}

}  // namespace
}  // namespace rookery::bench
