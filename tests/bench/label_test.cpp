#include "bench/load/label.h"

#include <gtest/gtest.h>

namespace rookery::bench {
namespace {

TEST(Label, is_read_as_it_was_written) {
    const std::string text = make_label("run", 12, 34567) + "some filler";
    const auto label = read_label(text);
    ASSERT_TRUE(label);
    EXPECT_EQ(label->run, "run");
    EXPECT_EQ(label->sender, 12U);
    EXPECT_EQ(label->number, 34567U);
}

TEST(Label, is_as_long_for_all_numbers) {
    EXPECT_EQ(make_label("run", 0, 0).size(), make_label("run", 19'000, 1'000'000).size());
}

TEST(Label, is_not_found_in_what_others_say) {
    for (const char* text : {"", "hello", "hello there", "run 1", "run 1 2", "run x 2 ", "run -1 2 "}) {
        EXPECT_FALSE(read_label(text)) << text;
    }
}

TEST(Filler, has_the_length_asked_for) {
    for (const std::size_t bytes : {0U, 1U, 50U, 300U, 5000U}) EXPECT_EQ(make_filler(bytes).size(), bytes);
}

}  // namespace
}  // namespace rookery::bench
