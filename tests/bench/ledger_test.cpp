#include "bench/load/ledger.h"

#include <gtest/gtest.h>

namespace rookery::bench {
namespace {

Ledger ledger_with(int sent) {
    Ledger ledger;
    for (int i = 0; i < sent; ++i) ledger.next_to_send();
    return ledger;
}

TEST(Ledger, all_once_and_in_order_is_complete) {
    Ledger ledger = ledger_with(3);
    for (std::uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(ledger.arrive(i));
    EXPECT_TRUE(ledger.is_complete());
    EXPECT_EQ(ledger.tally().lost + ledger.tally().doubled + ledger.tally().reordered, 0U);
}

TEST(Ledger, what_never_came_is_lost) {
    Ledger ledger = ledger_with(4);
    ledger.arrive(0);
    ledger.arrive(2);
    EXPECT_FALSE(ledger.is_complete());
    EXPECT_EQ(ledger.tally().lost, 2U);
    EXPECT_EQ(ledger.tally().reordered, 0U);
}

TEST(Ledger, a_late_one_is_reordered_and_not_lost) {
    Ledger ledger = ledger_with(3);
    ledger.arrive(2);
    ledger.arrive(0);
    EXPECT_TRUE(ledger.arrive(1));
    EXPECT_EQ(ledger.tally().reordered, 2U);
    EXPECT_TRUE(ledger.is_complete());
}

TEST(Ledger, the_second_copy_is_doubled_also_of_a_late_one) {
    Ledger ledger = ledger_with(3);
    ledger.arrive(0);
    EXPECT_FALSE(ledger.arrive(0));
    ledger.arrive(2);
    ledger.arrive(1);
    EXPECT_FALSE(ledger.arrive(1));
    EXPECT_EQ(ledger.tally().doubled, 2U);
    EXPECT_EQ(ledger.tally().arrived, 3U);
}

TEST(Ledger, a_number_that_was_not_sent_may_not_arrive) {
    Ledger ledger = ledger_with(2);
    EXPECT_TRUE(ledger.may_arrive(1));
    EXPECT_FALSE(ledger.may_arrive(2));
}

TEST(Ledger, may_be_told_how_many_there_are) {
    Ledger ledger;
    ledger.expect(3);
    EXPECT_TRUE(ledger.may_arrive(2));
    EXPECT_FALSE(ledger.may_arrive(3));
    ledger.arrive(0);
    ledger.arrive(2);
    EXPECT_EQ(ledger.tally().lost, 1U);
    ledger.arrive(1);
    EXPECT_TRUE(ledger.is_complete());
    EXPECT_EQ(ledger.tally().reordered, 1U);
}

}  // namespace
}  // namespace rookery::bench
