#include "base/value.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

TEST(Value, HoldsWhatItIsGiven) {
    EXPECT_TRUE(Value().is_null());
    EXPECT_TRUE(Value(nullptr).is_null());
    EXPECT_EQ(Value(true).as_bool(), true);
    EXPECT_EQ(Value(7).as_int(), 7);
    EXPECT_EQ(Value(7u).as_double(), 7.0);
    EXPECT_EQ(Value(0.5).as_double(), 0.5);
    EXPECT_EQ(Value(0.5).as_int(), std::nullopt);
    EXPECT_EQ(*Value("text").as_string(), "text");
    EXPECT_EQ(Value(1).as_bool(), std::nullopt);
    EXPECT_EQ(Value(1).as_string(), nullptr);
    EXPECT_EQ(Value(1).string_or("other"), "other");
}

TEST(Value, ObjectsKeepTheirOrder) {
    Value value = Value::object({{"b", 1}, {"a", Value::list({1, "two", nullptr})}});
    value.set("c", true).set("b", 2);
    ASSERT_EQ(value.as_object()->size(), 3u);
    EXPECT_EQ((*value.as_object())[0].name, "b");
    EXPECT_EQ(value["b"].as_int(), 2);
    EXPECT_EQ(value["a"].as_list()->size(), 3u);
    EXPECT_EQ(value.find("d"), nullptr);
    EXPECT_TRUE(value["d"]["e"].is_null());
}

TEST(Value, NullGrowsIntoListOrObject) {
    Value list, object;
    list.append(1).append("x");
    object.set("k", 1);
    EXPECT_EQ(list, Value::list({1, "x"}));
    EXPECT_EQ(object, Value::object({{"k", 1}}));
    EXPECT_FALSE(object == list);
}

}  // namespace
}  // namespace rookery
