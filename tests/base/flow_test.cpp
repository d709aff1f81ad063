// Rates over 1, 10 and 100 seconds, and how long a queue will take.
#include "base/flow.h"

#include <gtest/gtest.h>

namespace rookery {
namespace {

class Flows : public testing::Test {
protected:
    // Once a second for so long, so many in and out a second.
    void run(int seconds, std::uint64_t in, std::uint64_t out) {
        for (int i = 0; i < seconds; ++i) {
            now += Seconds(1);
            flow.sample(now, came += in, went += out);
        }
    }

    SteadyTime now{Seconds(1'000)};
    std::uint64_t came = 5'000'000, went = 4'000'000;  // it has been at work for long
    Flow flow;
};

TEST_F(Flows, NothingIsKnownBeforeTheSecondSample) {
    flow.sample(now, came, went);
    EXPECT_EQ(flow.in(), (Flow::Rates{0, 0, 0}));
    EXPECT_EQ(flow.time_to_drain(3), std::nullopt);
}

TEST_F(Flows, ASteadyFlowIsKnownAtOnce) {
    flow.sample(now, came, went);
    run(1, 100, 40);
    for (double rate : flow.in()) EXPECT_NEAR(rate, 100, 1e-6);
    for (double rate : flow.out()) EXPECT_NEAR(rate, 40, 1e-6);
    run(200, 100, 40);
    for (double rate : flow.in()) EXPECT_NEAR(rate, 100, 1e-6);
}

TEST_F(Flows, AShortWindowForgetsSooner) {
    flow.sample(now, came, went);
    run(300, 100, 100);
    run(10, 0, 100);
    EXPECT_LT(flow.in()[0], 0.1);
    EXPECT_NEAR(flow.in()[1], 100 / 2.71828, 1);
    EXPECT_GT(flow.in()[2], 85);
    EXPECT_NEAR(flow.out()[0], 100, 1e-6);
}

TEST_F(Flows, TheFirstHasWaitedSinceItWasSeenToComeIn) {
    went = came;
    flow.sample(now, came, went);
    EXPECT_EQ(flow.oldest(), std::nullopt);
    run(10, 5, 5);
    EXPECT_EQ(flow.oldest(), std::nullopt);
    run(1, 5, 0);
    EXPECT_EQ(flow.oldest(), Seconds(0));
    run(7, 5, 0);
    EXPECT_EQ(flow.oldest(), Seconds(7));
    run(1, 5, 12);  // those of the first two seconds are through, and two of the third
    EXPECT_EQ(flow.oldest(), Seconds(6));
    run(200, 0, 0);
    EXPECT_EQ(flow.oldest(), Seconds(Flow::remembered - 1));
    run(1, 0, came - went);
    EXPECT_EQ(flow.oldest(), std::nullopt);
}

TEST_F(Flows, WhoLeavesTakesItsAgeAlong) {
    went = came - 10;
    flow.sample(now, came, went);
    run(5, 0, 0);
    EXPECT_EQ(flow.oldest(), Seconds(5));
    came = 70;
    went = 60;
    run(1, 0, 0);
    EXPECT_EQ(flow.oldest(), Seconds(0));
}

TEST_F(Flows, HowOftenItIsAskedDoesNotMatter) {
    flow.sample(now, came, went);
    Flow asked_often = flow;
    for (int tenth = 1; tenth <= 100; ++tenth)
        asked_often.sample(now + tenth * Milliseconds(100), came + static_cast<unsigned>(tenth) * 7, went);
    now += Seconds(10);
    flow.sample(now, came + 700, went);
    for (std::size_t i = 0; i < Flow::windows.size(); ++i) EXPECT_NEAR(flow.in()[i], asked_often.in()[i], 1e-6) << i;
    flow.sample(now, came + 900, went);  // twice at a time: nothing can be said
    EXPECT_NEAR(flow.in()[0], 70, 1e-6);
}

TEST_F(Flows, SaysWhenAQueueWillBeEmpty) {
    flow.sample(now, came, went);
    run(30, 10, 60);
    EXPECT_NEAR(std::chrono::duration<double>(flow.time_to_drain(1'000).value()).count(), 20, 0.01);
    EXPECT_EQ(flow.time_to_drain(0), Duration(0));
    run(60, 60, 10);
    EXPECT_EQ(flow.time_to_drain(1'000), std::nullopt);  // it grows
    EXPECT_EQ(flow.time_to_drain(0), Duration(0));
    run(200, 0, 0);
    EXPECT_EQ(flow.time_to_drain(1'000), std::nullopt);  // it stands still
}

TEST_F(Flows, ACounterThatSeemsToGoBackIsNoFlood) {
    flow.sample(now, came, went);
    flow.sample(now += Seconds(1), came - 3, went);
    EXPECT_EQ(flow.in()[0], 0);
}

}  // namespace
}  // namespace rookery
