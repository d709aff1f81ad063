#include "base/number.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace rookery {
namespace {

TEST(Number, IsTheWholeText) {
    EXPECT_EQ(parse_number<std::uint32_t>("4294967295"), 4'294'967'295u);
    EXPECT_EQ(parse_number<std::int8_t>("-128"), std::int8_t{-128});
    EXPECT_EQ(parse_number<int>("007"), 7);
    EXPECT_EQ(parse_number<double>("1.5"), 1.5);
}

TEST(Number, IsNothingElse) {
    for (const char* text : {"", " 1", "1 ", "+1", "1x", "x", "0x1", "1.0", "--1"}) EXPECT_FALSE(parse_number<int>(text)) << text;
    EXPECT_FALSE(parse_number<int>(std::string_view()));
    EXPECT_FALSE(parse_number<int>(std::string_view("1\0", 2)));
}

TEST(Number, Fits) {
    EXPECT_FALSE(parse_number<std::uint32_t>("4294967296"));
    EXPECT_FALSE(parse_number<std::uint32_t>("-1"));
    EXPECT_FALSE(parse_number<std::int8_t>("128"));
}

}  // namespace
}  // namespace rookery
