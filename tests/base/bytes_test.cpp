#include "base/bytes.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

TEST(Base64, EncodesTheVectorsOfRfc4648) {
    EXPECT_EQ(base64_encode(""), "");
    EXPECT_EQ(base64_encode("f"), "Zg==");
    EXPECT_EQ(base64_encode("fo"), "Zm8=");
    EXPECT_EQ(base64_encode("foo"), "Zm9v");
    EXPECT_EQ(base64_encode("foob"), "Zm9vYg==");
    EXPECT_EQ(base64_encode("fooba"), "Zm9vYmE=");
    EXPECT_EQ(base64_encode("foobar"), "Zm9vYmFy");
}

TEST(Base64, RoundTripsEveryByteAtEveryLength) {
    std::string bytes;
    for (int i = 0; i < 260; ++i) {
        EXPECT_EQ(base64_decode(base64_encode(bytes)), bytes) << i;
        bytes.push_back(static_cast<char>(i * 7 + 250));
    }
}

class Base64Refuses : public testing::TestWithParam<std::string_view> {};

TEST_P(Base64Refuses, WhatEncodeWouldNotWrite) { EXPECT_EQ(base64_decode(GetParam()), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(A5, Base64Refuses,
                         testing::Values("Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v====", " Zg==", "Zg== ",
                                         "Z g=", "Zm9v\n", "Zm9\n", "Zh==", "Zm9=", "Zg==Zg==", "Zm-v", "Zm_v",
                                         "Zm9\xC3", "Z=g=", "=g==", std::string_view("Zm9\0", 4)));

TEST(Hex, RoundTripsAndRefusesOddAndForeign) {
    EXPECT_EQ(hex_encode(std::string_view("\x00\xFF\x1a", 3)), "00ff1a");
    EXPECT_EQ(hex_decode("00fF1A"), std::string("\x00\xFF\x1a", 3));
    EXPECT_EQ(hex_decode("0"), std::nullopt);
    EXPECT_EQ(hex_decode("0g"), std::nullopt);
}

TEST(Utf8, AcceptsTheEdgesOfEachLength) {
    EXPECT_TRUE(is_valid_utf8(""));
    EXPECT_TRUE(is_valid_utf8(
        "a\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
}

class Utf8Refuses : public testing::TestWithParam<std::string_view> {};

TEST_P(Utf8Refuses, MalformedBytes) {
    EXPECT_FALSE(is_valid_utf8(GetParam()));
    EXPECT_FALSE(is_valid_utf8("ok " + std::string(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(X13, Utf8Refuses,
                         testing::Values("\xFF\xFE", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80",
                                         "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\x80", "\xC3",
                                         "\xE2\x82", "\xE2\x28\xA1"));

TEST(XmlText, IsOfCharactersThatXmlHas) {
    EXPECT_TRUE(is_xml_text("a\tb\r\n\x7F\xC2\x80\xEF\xBF\xBD\xF0\x9F\x90\xA6"));
    for (const char* text : {"\x01", "a\x1F", "\xEF\xBF\xBE", "a\xEF\xBF\xBF", "\xC3"})
        EXPECT_FALSE(is_xml_text(text)) << text;
    EXPECT_FALSE(is_xml_text(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace rookery
