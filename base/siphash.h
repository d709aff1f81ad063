// SipHash-2-4 (Aumasson, Bernstein): a short hash that strangers cannot steer without the key.
#pragma once

#include <cstdint>
#include <string_view>

namespace rookery {

struct SipKey {
    std::uint64_t low;
    std::uint64_t high;
};

std::uint64_t siphash(const SipKey& key, std::string_view data);

}  // namespace rookery
