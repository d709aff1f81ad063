// The client's side of SASL PLAIN (RFC 4616) and SCRAM (RFC 5802, 7677), without channel binding.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/crypto.h"
#include "bench/load/options.h"

namespace rookery::bench {

std::string_view mechanism_name(SaslChoice choice);

// The keys of (hash, password, salt, iterations), so that a second login of a user costs no PBKDF2 here.
class ScramKeyCache {
public:
    struct Keys {
        std::string client_key;
        std::string server_key;
    };

    static constexpr std::size_t kMaxEntries = 100'000;

    const Keys& find_or_make(HashAlgorithm algorithm, const std::string& password, const std::string& salt,
                             int iterations);

private:
    std::unordered_map<std::string, Keys> keys_;
};

// One login. Messages are raw, not base64. User and password are plain ASCII without ',' and '='.
class SaslClient {
public:
    SaslClient(SaslChoice choice, std::string user, std::string password, ScramKeyCache& cache);

    std::string initial_response();
    // Nothing: the server said something wrong.
    std::optional<std::string> respond(std::string_view challenge);
    // The data with success; false when the server did not prove that it knows the user.
    bool accept_success(std::string_view data) const;

private:
    HashAlgorithm algorithm() const;

    SaslChoice choice_;
    std::string user_;
    std::string password_;
    ScramKeyCache& cache_;
    std::string client_first_bare_;
    std::string server_signature_;
};

}  // namespace rookery::bench
