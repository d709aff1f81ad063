#include "bench/load/contacts.h"

#include <gtest/gtest.h>

namespace rookery::bench {
namespace {

TEST(RosterBook, both_is_more_than_to) {
    RosterBook book;
    book.learn(1, subscription_of("both"));
    book.learn(2, subscription_of("to"));
    book.learn(3, subscription_of("from"));
    book.learn(4, subscription_of("none"));
    book.learn(5, subscription_of(""));
    EXPECT_EQ(book.count(Subscription::none), 5U);
    EXPECT_EQ(book.count(Subscription::to), 2U);
    EXPECT_EQ(book.count(Subscription::both), 1U);
    EXPECT_TRUE(book.has(1, Subscription::to));
    EXPECT_FALSE(book.has(3, Subscription::to));
    EXPECT_FALSE(book.has(6, Subscription::none));
    book.learn(2, Subscription::both);
    EXPECT_EQ(book.count(Subscription::both), 2U);
}

TEST(Groups, are_whole) {
    Options options;
    options.contacts = 20;
    options.users = 21 * 5;
    EXPECT_TRUE(check_groups(options).ok());
    options.users = 100;
    ASSERT_FALSE(check_groups(options).ok());
    EXPECT_EQ(check_groups(options).error().message, "--users must be a multiple of 21: 84 or 105");
    options.users = 3;
    EXPECT_EQ(check_groups(options).error().message, "--users must be a multiple of 21: 21");
}

}  // namespace
}  // namespace rookery::bench
