#include "net/tls_contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/net/support.h"

namespace rookery {
namespace {

using test::TempDir;

void write_file(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string read_file(const std::string& path) {
    std::ifstream stream(path);
    return {std::istreambuf_iterator<char>(stream), {}};
}

class TlsContextsTest : public testing::Test {
protected:
    TlsContextsTest() { EXPECT_TRUE(make_self_signed(chain, key, {"example.org", "*.Example.org"})); }

    std::string error(const CertificateFiles& files) {
        auto loaded = TlsContexts::load({files});
        return loaded ? "loaded" : loaded.error().message;
    }

    TempDir dir;
    const std::string chain = dir / "chain.pem", key = dir / "key.pem";
};

TEST_F(TlsContextsTest, SelfSignedCertificatesLoad) {
    const auto loaded = TlsContexts::load({{.chain = chain, .key = key, .hosts = {"Other.example"}}});
    ASSERT_TRUE(loaded) << loaded.error().message;
    const TlsContexts& contexts = **loaded;
    const CertificateInfo& info = contexts.certificates().front();
    EXPECT_EQ(info.names, (std::vector<std::string>{"example.org", "*.example.org"}));
    EXPECT_EQ(info.key_type, "EC");
    EXPECT_EQ(info.sha256.size(), 64u);
    EXPECT_EQ(info.chain_file, chain);
    const WallTime now = std::chrono::system_clock::now();
    EXPECT_EQ(info.days_left(now), 3649);
    EXPECT_TRUE(info.valid_at(now));
    EXPECT_FALSE(info.valid_at(now + std::chrono::hours(24 * 3651)));
    EXPECT_LT(info.days_left(now + std::chrono::hours(24 * 3651)), 0);

    EXPECT_TRUE(contexts.covers("example.org"));
    EXPECT_TRUE(contexts.covers("A.EXAMPLE.ORG"));
    EXPECT_TRUE(contexts.covers("other.example"));
    EXPECT_FALSE(contexts.covers("a.b.example.org"));
    EXPECT_FALSE(contexts.covers(".example.org"));
    EXPECT_FALSE(contexts.covers("example.com"));
    EXPECT_FALSE(contexts.covers(""));
}

TEST_F(TlsContextsTest, TheKeyIsForItsOwnerOnly) {
    struct stat found {};
    ASSERT_EQ(::stat(key.c_str(), &found), 0);
    EXPECT_EQ(found.st_mode & 0777u, 0600u);
}

TEST_F(TlsContextsTest, ExistingFilesAreKept) {
    const std::string before = read_file(key);
    const auto again = make_self_signed(dir / "other.pem", key, {"example.org"});
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, ErrorCode::conflict);
    EXPECT_EQ(read_file(key), before);
    const auto other_key = make_self_signed(chain, dir / "other.key", {"example.org"});
    ASSERT_FALSE(other_key);
    struct stat found {};
    EXPECT_NE(::stat((dir / "other.key").c_str(), &found), 0);  // no half of a pair stays
}

TEST_F(TlsContextsTest, NamesAreTakenAsTheyAre) {
    const std::string odd = "a,DNS:evil.example";
    ASSERT_TRUE(make_self_signed(dir / "odd.pem", dir / "odd.key", {odd, std::string(100, 'x') + ".example"}));
    const auto loaded = TlsContexts::load({{.chain = dir / "odd.pem", .key = dir / "odd.key", .hosts = {}}});
    ASSERT_TRUE(loaded);
    EXPECT_FALSE((*loaded)->covers("evil.example"));
    EXPECT_EQ((*loaded)->certificates().front().names.size(), 2u);
}

TEST_F(TlsContextsTest, ErrorsNameTheFileAndTheReason) {
    EXPECT_THAT(error({dir / "none.pem", key, {}}),
                testing::AllOf(testing::HasSubstr("none.pem"), testing::HasSubstr("No such file")));
    write_file(dir / "junk.pem", "junk");
    EXPECT_THAT(error({dir / "junk.pem", key, {}}), testing::HasSubstr("junk.pem: has no certificate"));
    EXPECT_THAT(error({chain, dir / "junk.pem", {}}), testing::HasSubstr("junk.pem: has no usable private key"));
    EXPECT_THAT(error({chain, chain, {}}), testing::HasSubstr("chain.pem: has no usable private key"));
    ASSERT_TRUE(make_self_signed(dir / "b.pem", dir / "b.key", {"b.example"}));
    EXPECT_THAT(error({chain, dir / "b.key", {}}), testing::HasSubstr("b.key: key does not belong to the certificate"));
    write_file(dir / "cut.pem", read_file(chain) + "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    EXPECT_THAT(error({dir / "cut.pem", key, {}}), testing::HasSubstr("cut.pem: intermediate"));
    write_file(dir / "big.pem", std::string((1 << 20) + 1, 'x'));
    EXPECT_THAT(error({dir / "big.pem", key, {}}), testing::HasSubstr("too large"));
    EXPECT_FALSE(TlsContexts::load({}));
}

TEST_F(TlsContextsTest, AnEncryptedKeyIsAnErrorAndNoPrompt) {
    EVP_PKEY* const made = EVP_EC_gen("P-256");
    FILE* const file = std::fopen((dir / "encrypted.key").c_str(), "w");
    char password[] = "secret";
    PEM_write_PKCS8PrivateKey(file, made, EVP_aes_256_cbc(), password, 6, nullptr, nullptr);
    std::fclose(file);
    EVP_PKEY_free(made);
    EXPECT_THAT(error({chain, dir / "encrypted.key", {}}), testing::HasSubstr("is it encrypted?"));
}

TEST_F(TlsContextsTest, OneFileMayHoldBoth) {
    write_file(dir / "both.pem", read_file(key) + read_file(chain));
    EXPECT_EQ(error({dir / "both.pem", dir / "both.pem", {}}), "loaded");
}

TEST_F(TlsContextsTest, AnExpiredCertificateLoads) {
    ASSERT_TRUE(make_self_signed(dir / "old.pem", dir / "old.key", {"old.example"}, -1));
    const auto loaded = TlsContexts::load({{.chain = dir / "old.pem", .key = dir / "old.key", .hosts = {}}});
    ASSERT_TRUE(loaded);
    EXPECT_LT((*loaded)->certificates().front().days_left(std::chrono::system_clock::now()), 0);
}

}  // namespace
}  // namespace rookery
