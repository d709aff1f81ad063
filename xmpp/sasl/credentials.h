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

// How an account's keys were made: all of them with so many rounds, and this is the hash that a clear password is checked by.
struct KeyForm {
    HashAlgorithm hash = HashAlgorithm::sha256;
    int iterations = 10'000;

    bool operator==(const KeyForm&) const = default;
};

// A clear password is checked by the first of these that the account has keys of, whatever the options are today: the time
// that takes is the account's, and does not change.
inline constexpr HashAlgorithm password_hashes[] = {HashAlgorithm::sha256, HashAlgorithm::sha512, HashAlgorithm::sha1};

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

// The form an account that does not exist seems to have: one of `forms`, those of accounts made here at some time, chosen by
// name (rendezvous hashing). One that is added takes over its share of the names, with new salts, as if these had
// changed their passwords since; all others stay as they are. What still shows: over many names, that forms are evenly
// spread, as those of real accounts need not be; and accounts of forms the list has forgotten or never had.
// REQUIRES: `forms` is not empty.
KeyForm fake_form(std::string_view fake_secret, std::string_view account, const std::vector<KeyForm>& forms);

// Keys for an account that does not exist: the same for each attempt, unlike for each account, matched by no password
// that anybody can know. Cheap.
ScramKeys fake_credentials(std::string_view fake_secret, std::string_view account, HashAlgorithm algorithm,
                           int iterations);

// The keys of that hash; nullptr: none.
const ScramKeys* find_keys(const Credentials& credentials, HashAlgorithm algorithm);

}  // namespace rookery
