#include "base/crypto.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace rookery {
namespace {

// A failing primitive means a broken library or no memory: going on would be worse than stopping.
[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "OpenSSL: %s failed\n", what);
    std::abort();
}
void require(bool ok, const char* what) {
    if (!ok) die(what);
}

struct FreeContext {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

constexpr std::array<const char*, 3> digest_names{"SHA1", "SHA256", "SHA512"};

// Fetching costs a locked search through the providers, so it is done once; the fetched objects are never freed
// (they are used until the process ends) and are safe to share between threads.
struct Algorithms {
    std::array<EVP_MD*, 3> digests{};
    EVP_MAC* hmac = nullptr;

    Algorithms() {
        for (std::size_t i = 0; i < digests.size(); ++i) {
            digests[i] = EVP_MD_fetch(nullptr, digest_names[i], nullptr);
            require(digests[i] != nullptr, digest_names[i]);
        }
        hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
        require(hmac != nullptr, "HMAC");
    }
};

const Algorithms& algorithms() {
    static const Algorithms fetched;
    return fetched;
}

const EVP_MD* digest(HashAlgorithm algorithm) { return algorithms().digests[static_cast<std::size_t>(algorithm)]; }

const unsigned char* data_of(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* data_of(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

}  // namespace

std::size_t hash_size(HashAlgorithm algorithm) {
    switch (algorithm) {
        case HashAlgorithm::sha1:
            return 20;
        case HashAlgorithm::sha256:
            return 32;
        case HashAlgorithm::sha512:
            return 64;
    }
    std::abort();
}

std::string hash(HashAlgorithm algorithm, std::string_view data) {
    const std::unique_ptr<EVP_MD_CTX, FreeContext> context(EVP_MD_CTX_new());
    std::string out(hash_size(algorithm), '\0');
    unsigned int size = 0;
    require(context && EVP_DigestInit_ex2(context.get(), digest(algorithm), nullptr) == 1 &&
                EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1 &&
                EVP_DigestFinal_ex(context.get(), data_of(out), &size) == 1,
            "digest");
    return out;
}

std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data) {
    const std::unique_ptr<EVP_MAC_CTX, FreeContext> context(EVP_MAC_CTX_new(algorithms().hmac));
    char* const name = const_cast<char*>(digest_names[static_cast<std::size_t>(algorithm)]);
    const std::array<OSSL_PARAM, 2> params{OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                                           OSSL_PARAM_construct_end()};
    // A null key means "keep the old one" to OpenSSL, so an empty key still needs an address.
    const unsigned char* const key_data = key.empty() ? data_of(std::string_view("", 1)) : data_of(key);
    std::string out(hash_size(algorithm), '\0');
    std::size_t size = 0;
    require(context && EVP_MAC_init(context.get(), key_data, key.size(), params.data()) == 1 &&
                EVP_MAC_update(context.get(), data_of(data), data.size()) == 1 &&
                EVP_MAC_final(context.get(), data_of(out), &size, out.size()) == 1,
            "HMAC");
    return out;
}

std::string pbkdf2(HashAlgorithm algorithm, std::string_view password, std::string_view salt, int iterations) {
    std::string out(hash_size(algorithm), '\0');
    require(PKCS5_PBKDF2_HMAC(password.data() ? password.data() : "", static_cast<int>(password.size()), data_of(salt),
                              static_cast<int>(salt.size()), iterations, digest(algorithm),
                              static_cast<int>(out.size()), data_of(out)) == 1,
            "PBKDF2");
    return out;
}

bool equal_secret(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) {
    // Up to the capacity: a shorter value may lie over the rest of a longer secret.
    secret.resize(secret.capacity());
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

std::string random_bytes(std::size_t count) {
    std::string out(count, '\0');
    require(RAND_bytes_ex(nullptr, data_of(out), count, 0) == 1, "random generator");
    return out;
}

std::string random_token(std::size_t entropy_bytes) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const std::string bytes = random_bytes((entropy_bytes * 8 + 5) / 6);
    std::string out;
    out.reserve(bytes.size());
    for (char c : bytes) out.push_back(alphabet[static_cast<unsigned char>(c) & 0x3F]);
    return out;
}

std::uint64_t random_u64() {
    std::uint64_t out = 0;
    require(RAND_bytes(reinterpret_cast<unsigned char*>(&out), sizeof out) == 1, "random generator");
    return out;
}

}  // namespace rookery
