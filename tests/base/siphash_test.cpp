#include "base/siphash.h"

#include <gtest/gtest.h>

#include <string>

namespace rookery {
namespace {

constexpr SipKey paper_key{0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

// Appendix A of the paper, and the first of the authors' vectors.
TEST(SipHash, TestVectors) {
    std::string data;
    EXPECT_EQ(siphash(paper_key, data), 0x726fdb47dd0e0e31u);
    for (char byte = 0; byte < 15; ++byte) data += byte;
    EXPECT_EQ(siphash(paper_key, data), 0xa129ca6149be45e5u);
}

TEST(SipHash, KeyAndLengthCount) {
    EXPECT_NE(siphash(SipKey{1, 2}, "romeo"), siphash(SipKey{1, 3}, "romeo"));
    EXPECT_NE(siphash(paper_key, std::string("a\0", 2)), siphash(paper_key, "a"));
}

}  // namespace
}  // namespace rookery
