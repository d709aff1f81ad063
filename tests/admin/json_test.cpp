#include "admin/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rookery {
namespace {

using testing::HasSubstr;

std::string fault(std::string_view text) {
    const Result<Value> parsed = parse_json(text);
    return parsed.ok() ? "it was taken" : parsed.error().message;
}

TEST(Json, ThereAndBack) {
    const std::string text = R"({"a":[1,-2.5,true,null,"x\"y"],"b":{"c":9223372036854775807}})";
    EXPECT_EQ(to_json(parse_json(text).value()), text);
}

TEST(Json, BytesThatAreNoUtf8AreReplaced) { EXPECT_EQ(to_json(Value("a\xff")), "\"a\xEF\xBF\xBD\""); }

// H14
TEST(Json, RefusesWhatTwoReadersMightReadDifferently) {
    EXPECT_THAT(fault(R"({"a":1,"a":2})"), HasSubstr("stands twice"));
    EXPECT_THAT(fault(R"({"a":9223372036854775808})"), HasSubstr("too large"));
    EXPECT_THAT(fault(std::string(33, '[') + std::string(33, ']')), HasSubstr("too deeply"));
    EXPECT_EQ(fault(std::string(32, '[') + std::string(32, ']')), "it was taken");
    for (const char* text : {"", "{", "[1,]", "{'a':1}", "1 2", "\"\xff\"", "nul", "[1e999]"}) EXPECT_NE(fault(text), "it was taken") << text;
}

}  // namespace
}  // namespace rookery
