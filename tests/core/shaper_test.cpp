#include "core/shaper.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

const SteadyTime start{};

TEST(Shaper, UnlimitedNeverPauses) {
    Shaper shaper(ShaperRate{}, start);
    EXPECT_EQ(shaper.take(1u << 30, start), Duration::zero());
}

TEST(Shaper, ABurstIsFreeThenTheRateHolds) {
    Shaper shaper(ShaperRate{1'000, 4'000}, start);
    EXPECT_EQ(shaper.take(4'000, start), Duration::zero());
    EXPECT_EQ(shaper.take(500, start), Milliseconds(500));
    EXPECT_EQ(shaper.take(0, start + Milliseconds(500)), Duration::zero());
}

TEST(Shaper, WithoutABurstSizeItIsOneSecond) {
    Shaper shaper(ShaperRate{1'000, 0}, start);
    EXPECT_EQ(shaper.take(1'000, start), Duration::zero());
    EXPECT_EQ(shaper.take(1'000, start), Seconds(1));
}

TEST(Shaper, SilenceFillsTheBucketNoFurtherThanItsSize) {
    Shaper shaper(ShaperRate{1'000, 2'000}, start);
    shaper.take(2'000, start);
    EXPECT_EQ(shaper.take(2'000, start + Seconds(3600)), Duration::zero());
    EXPECT_EQ(shaper.take(1'000, start + Seconds(3600)), Seconds(1));
}

TEST(Shaper, KeepsTheAverageRateOverTime) {
    Shaper shaper(ShaperRate{1'000, 1'000}, start);
    SteadyTime now = start;
    for (int i = 0; i < 100; ++i) now += shaper.take(500, now);
    EXPECT_NEAR(std::chrono::duration<double>(now - start).count(), 49.0, 0.1);
}

TEST(Shaper, OneHugeTakeDoesNotPauseForEver) {
    Shaper shaper(ShaperRate{1, 1}, start);
    EXPECT_EQ(shaper.take(1u << 30, start), Shaper::longest_pause);
}

TEST(Shaper, AClockThatStandsOrGoesBackGivesNothing) {
    Shaper shaper(ShaperRate{1'000, 1'000}, start + Seconds(10));
    shaper.take(1'000, start + Seconds(10));
    EXPECT_EQ(shaper.take(1'000, start), Seconds(1));
    EXPECT_EQ(shaper.take(0, start + Seconds(10)), Seconds(1));
}

}  // namespace
}  // namespace rookery
