// What an account proves itself against: SCRAM keys (RFC 5802 section 3), one set a hash. The password itself is never kept.
#pragma once

#include <cstdint>
#include <optional>
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

    bool operator==(const ScramKeys&) const = default;
};

using Credentials = std::vector<ScramKeys>;  // empty: no such account, or none that may log in with a password

inline constexpr std::size_t scram_salt_bytes = 16;    // of new accounts
inline constexpr std::size_t max_password_bytes = 1023;  // before and after preparation

// Preparation of a password before it is hashed (SASLprep, RFC 4013, which SCRAM's clients apply: RFC 5802 section 2.2;
// letters of any Unicode version and right-to-left passwords are taken). nullopt: empty, too long, not UTF-8, or
// control characters.
std::optional<std::string> prepare_password(std::string_view password);

// Costly (PBKDF2): on the work pool only. `prepared` comes from prepare_password.
ScramKeys make_scram_keys(HashAlgorithm algorithm, std::string_view prepared, std::string salt, int iterations);
// Costly in the same way: does the password belong to these keys?
bool password_matches(const ScramKeys& keys, std::string_view prepared);

// Keys for an account that does not exist: the same for each attempt, unlike for each account, matched by no password
// that anybody can know. Cheap.
ScramKeys fake_credentials(std::string_view fake_secret, std::string_view account, HashAlgorithm algorithm,
                           int iterations);

// The keys of that hash; nullptr: none.
const ScramKeys* find_keys(const Credentials& credentials, HashAlgorithm algorithm);

}  // namespace rookery
