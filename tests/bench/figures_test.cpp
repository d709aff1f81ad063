#include "bench/load/figures.h"

#include <gtest/gtest.h>

namespace rookery::bench {
namespace {

Figures figures_of_one(double seconds, double server_us, double own_us) {
    Figures figures;
    figures.count("logins", 10);
    figures.add(Tally{8, 1, 2, 3});
    figures.span("logins") += {seconds, {server_us, 5}, {1, 0}, own_us};
    figures.latencies("latency_us").add(std::chrono::microseconds(100));
    figures.server_memory("end", {1000, 2000});
    figures.text("first_stray", "<message/>\nand more");
    return figures;
}

TEST(Figures, of_several_processes_are_put_together) {
    Figures all = figures_of_one(2, 300, 40);
    ASSERT_TRUE(all.merge(figures_of_one(3, 200, 50).lines()));
    EXPECT_EQ(all.counted("logins"), 20U);
    EXPECT_EQ(all.counted("lost"), 6U);
    EXPECT_EQ(all.counted("doubled"), 2U);
    EXPECT_EQ(all.counted("reordered"), 4U);
    EXPECT_EQ(all.spent("logins").seconds, 3);
    EXPECT_EQ(all.spent("logins").server.total_us, 300) << "both have metered the same server";
    EXPECT_EQ(all.spent("logins").own_us, 90);
    EXPECT_EQ(all.measured("latency_us").total(), 2U);
    EXPECT_EQ(all.server_memory("end").anonymous_bytes, 1000);
}

TEST(Figures, travel_whole) {
    Figures all;
    ASSERT_TRUE(all.merge(figures_of_one(2.25, 300.5, 40).lines()));
    EXPECT_EQ(all.spent("logins").seconds, 2.25);
    EXPECT_EQ(all.spent("logins").server.system_us, 5);
    EXPECT_EQ(all.text("first_stray"), "<message/> and more");
    EXPECT_EQ(all.measured("latency_us").percentile_us(0.5),
              figures_of_one(0, 0, 0).measured("latency_us").percentile_us(0.5));
}

TEST(Figures, of_a_process_that_died_are_not_taken_for_all) {
    const std::string told = figures_of_one(2, 300, 40).lines();
    EXPECT_FALSE(Figures().merge(""));
    EXPECT_FALSE(Figures().merge(told.substr(0, told.size() - 2)));
    EXPECT_FALSE(Figures().merge("nonsense\n"));
}

TEST(Figures, the_first_reason_stays) {
    Figures figures;
    figures.fail("");
    figures.fail("the first");
    figures.fail("the second");
    EXPECT_EQ(figures.text("error"), "the first");
}

TEST(Figures, steps_of_one_process_add_up) {
    Span span{1, {10, 1}, {5, 0}, 2};
    span += {2, {20, 2}, {6, 0}, 3};
    EXPECT_EQ(span.seconds, 3);
    EXPECT_EQ(span.server.total_us, 30);
    EXPECT_EQ(span.database.total_us, 11);
    EXPECT_EQ(span.own_us, 5);
}

}  // namespace
}  // namespace rookery::bench
