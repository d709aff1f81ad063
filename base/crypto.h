// OpenSSL's primitives behind plain functions, and the one random source of the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace rookery {

enum class HashAlgorithm { sha1, sha256, sha512 };

std::size_t hash_size(HashAlgorithm algorithm);
std::string hash(HashAlgorithm algorithm, std::string_view data);
std::string hmac(HashAlgorithm algorithm, std::string_view key, std::string_view data);
// PBKDF2-HMAC; milliseconds of CPU: never on a shard's thread (use the work pool).
std::string pbkdf2(HashAlgorithm algorithm, std::string_view password, std::string_view salt, int iterations);

// Equal in constant time for equal lengths.
bool equal_secret(std::string_view a, std::string_view b);
void wipe(std::string& secret);  // overwrites, then clears

// From the operating system's generator (RAND_bytes); aborts if it fails. Every id, nonce and token comes from here.
std::string random_bytes(std::size_t count);
std::string random_token(std::size_t entropy_bytes = 16);  // base64url, without padding
std::uint64_t random_u64();

}  // namespace rookery
