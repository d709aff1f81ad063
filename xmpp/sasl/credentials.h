// What an account proves itself against: SCRAM keys (RFC 5802 section 3), one set a hash. The password itself is never kept.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"

namespace rookery {

struct ScramKeys {
    HashAlgorithm algorithm = HashAlgorithm::sha256;
    std::string salt;  // raw bytes
    int iterations = 0;
    std::string stored_key;  // raw bytes, hash_size(algorithm)
    std::string server_key;

    ScramKeys() = default;
    ScramKeys(HashAlgorithm hash_algorithm, std::string salt_bytes, int iteration_count, std::string stored,
              std::string server)
        : algorithm(hash_algorithm),
          salt(std::move(salt_bytes)),
          iterations(iteration_count),
          stored_key(std::move(stored)),
          server_key(std::move(server)) {}
};

using Credentials = std::vector<ScramKeys>;  // empty: no such account, or none that may log in with a password

}  // namespace rookery
