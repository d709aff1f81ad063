#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

constexpr BucketRate three_then_one_a_second{3, Seconds(1)};

int taken_at(TokenBucket& bucket, SteadyTime now) {
    int taken = 0;
    while (taken < 100 && bucket.take(three_then_one_a_second, now)) ++taken;
    return taken;
}

TEST(TokenBucket, StartsFull) {
    TokenBucket bucket;
    EXPECT_EQ(taken_at(bucket, SteadyTime(Seconds(1'000))), 3);
}

TEST(TokenBucket, FillsOneByOne) {
    TokenBucket bucket;
    const SteadyTime start(Seconds(1'000));
    taken_at(bucket, start);
    EXPECT_EQ(taken_at(bucket, start + Milliseconds(999)), 0);
    EXPECT_EQ(taken_at(bucket, start + Milliseconds(1'000)), 1);
    EXPECT_EQ(taken_at(bucket, start + Milliseconds(3'000)), 2);
}

TEST(TokenBucket, NeverHoldsMoreThanTheBurst) {
    TokenBucket bucket;
    const SteadyTime start(Seconds(1'000));
    taken_at(bucket, start);
    EXPECT_EQ(taken_at(bucket, start + Seconds(3'600)), 3);
}

}  // namespace
}  // namespace rookery
