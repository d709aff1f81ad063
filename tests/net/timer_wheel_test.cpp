#include "net/timer_wheel.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace rookery {
namespace {

class TimerWheelTest : public testing::Test {
protected:
    // Sleeps as a loop would: from one next() to the other.
    void run_until(SteadyTime end) {
        while (wheel.next() && *wheel.next() <= end) {
            now = std::max(now, *wheel.next());
            wheel.run(now);
            ++wakeups;
        }
        now = end;
        wheel.run(now);
    }

    const SteadyTime start{Seconds(1000)};
    SteadyTime now = start;
    TimerWheel wheel{start};
    int wakeups = 0;
};

TEST_F(TimerWheelTest, NeverFiresEarlyAndAtMostOneTickLate) {
    std::mt19937 random(1);
    std::uniform_int_distribution<std::int64_t> exponent(0, 38);
    int fired = 0;
    for (int i = 0; i < 2000; ++i) {
        const auto delay =
            Duration((std::int64_t{1} << exponent(random)) * 1000 + static_cast<std::int64_t>(random() % 100000));
        wheel.add(now, delay, [this, &fired, due = now + delay] {
            ++fired;
            EXPECT_GE(now, due);
            EXPECT_LT(now, due + TimerWheel::tick);
        });
        run_until(now + Duration(static_cast<std::int64_t>(random() % 50'000'000)));
    }
    run_until(now + std::chrono::hours(24 * 40));
    EXPECT_EQ(fired, 2000);
    EXPECT_EQ(wheel.size(), 0u);
    EXPECT_FALSE(wheel.next());
}

TEST_F(TimerWheelTest, SleepsThroughWhatIsFarAway) {
    wheel.add(now, std::chrono::hours(30 * 24), [] {});
    run_until(now + std::chrono::hours(31 * 24));
    EXPECT_EQ(wheel.size(), 0u);
    EXPECT_LE(wakeups, 24);  // one a level and one each 46 h
}

TEST_F(TimerWheelTest, CancelledTimersDoNotFire) {
    bool fired = false;
    const TimerId timer = wheel.add(now, Seconds(1), [&] { fired = true; });
    wheel.cancel(timer);
    wheel.cancel(timer);
    wheel.cancel(0);
    wheel.cancel(12345678901234);
    EXPECT_EQ(wheel.size(), 0u);
    EXPECT_FALSE(wheel.next());
    run_until(now + Seconds(2));
    EXPECT_FALSE(fired);
}

TEST_F(TimerWheelTest, AnOldIdDoesNotCancelTheNewTimerInItsPlace) {
    bool fired = false;
    const TimerId old = wheel.add(now, Seconds(1), [] {});
    wheel.cancel(old);
    wheel.add(now, Seconds(1), [&] { fired = true; });
    wheel.cancel(old);
    run_until(now + Seconds(2));
    EXPECT_TRUE(fired);
}

TEST_F(TimerWheelTest, EqualTimesFireInTheOrderOfAdding) {
    std::string order;
    for (char c : {'a', 'b', 'c'}) wheel.add(now, Seconds(3), [&order, c] { order += c; });
    run_until(now + Seconds(4));
    EXPECT_EQ(order, "abc");
}

TEST_F(TimerWheelTest, CallbacksMayAddAndCancel) {
    int rounds = 0;
    TimerId victim = 0;
    bool victim_fired = false;
    std::function<void()> again = [&] {
        wheel.cancel(victim);
        if (++rounds < 5) wheel.add(now, Duration::zero(), [&] { again(); });
    };
    wheel.add(now, Milliseconds(50), [&] { again(); });
    victim = wheel.add(now, Milliseconds(50), [&] { victim_fired = true; });
    run_until(now + Seconds(1));
    EXPECT_EQ(rounds, 5);
    EXPECT_FALSE(victim_fired);
}

TEST_F(TimerWheelTest, ACrowdThatHasGoneLeavesItsMemory) {
    int fired = 0;
    const auto count = [&fired] { ++fired; };
    for (int i = 0; i < 10'000; ++i) wheel.add(now, Seconds(1), count);
    const TimerId late = wheel.add(now, Seconds(100), count);
    run_until(now + Seconds(2));
    const TimerId early = wheel.add(now, Seconds(1), count);
    run_until(now + Seconds(60));
    EXPECT_EQ(fired, 10'001);

    wheel.cancel(early);  // has fired: nothing
    wheel.add(now, Seconds(10), count);  // takes the place of the one that fired last
    std::vector<TimerId> ids;
    for (int i = 0; i < 500; ++i) ids.push_back(wheel.add(now, Seconds(20), count));
    wheel.add(now, Seconds(15), count);
    wheel.cancel(late);
    for (int i = 0; i < 3'000; ++i) wheel.cancel(wheel.add(now, Seconds(1), count));  // much has gone since the last look
    run_until(now + Seconds(16));
    EXPECT_LE(wheel.places(), 1'000u);
    for (const TimerId id : ids) wheel.cancel(id);
    run_until(now + Seconds(60));
    EXPECT_EQ(fired, 10'003);
}

TEST_F(TimerWheelTest, ALongStallRunsEverythingOnce) {
    int fired = 0;
    for (int i = 1; i <= 100; ++i) wheel.add(now, Seconds(i), [&] { ++fired; });
    now += std::chrono::hours(1);
    wheel.run(now);
    EXPECT_EQ(fired, 100);
}

}  // namespace
}  // namespace rookery
