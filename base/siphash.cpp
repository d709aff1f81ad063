#include "base/siphash.h"

#include <bit>
#include <cstring>

namespace rookery {
namespace {

struct SipState {
    std::uint64_t a, b, c, d;

    void round() {
        a += b;
        c += d;
        b = std::rotl(b, 13) ^ a;
        d = std::rotl(d, 16) ^ c;
        a = std::rotl(a, 32);
        a += d;
        c += b;
        d = std::rotl(d, 21) ^ a;
        b = std::rotl(b, 17) ^ c;
        c = std::rotl(c, 32);
    }
    void mix(std::uint64_t word) {
        d ^= word;
        round();
        round();
        a ^= word;
    }
};

// Little endian, whatever the machine.
std::uint64_t full_word(const char* bytes) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return std::endian::native == std::endian::little ? word : __builtin_bswap64(word);
}

// Of fewer than eight.
std::uint64_t word_of(std::string_view bytes) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return word;
}

}  // namespace

std::uint64_t siphash(const SipKey& key, std::string_view data) {
    SipState state{key.low ^ 0x736f6d6570736575u, key.high ^ 0x646f72616e646f6du, key.low ^ 0x6c7967656e657261u,
                   key.high ^ 0x7465646279746573u};
    const std::uint64_t size = data.size();
    for (; data.size() >= 8; data.remove_prefix(8)) state.mix(full_word(data.data()));
    state.mix(word_of(data) | size << 56);
    state.c ^= 0xff;
    for (int i = 0; i < 4; ++i) state.round();
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace rookery
