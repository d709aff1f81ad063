// Loops that have no time when they are to be held.
#include "server/standstill.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "net/shard_loop.h"

namespace rookery::test {
namespace {

class StandstillTest : public testing::Test {
protected:
    StandstillTest() {
        for (ShardLoop& loop : loops) threads.emplace_back([&loop] { loop.run(); });
    }
    ~StandstillTest() override {
        for (ShardLoop& loop : loops) loop.stop();
        for (std::thread& thread : threads) thread.join();
    }
    // Until the promise is kept loop 1 does nothing else.
    void keep_busy(std::promise<void>& until) {
        loops[1].post([wait = std::make_shared<std::future<void>>(until.get_future())] { wait->wait(); });
    }
    void wait_for_its_turn() {
        std::promise<void> turn;
        loops[1].post([&turn] { turn.set_value(); });
        turn.get_future().wait();
    }

    ShardLoop loops[2];
    std::vector<std::thread> threads;
    Standstill standstill{{&loops[0], &loops[1]}};
    std::atomic<int> worked[2] = {0, 0};
    std::function<void(unsigned)> count = [this](unsigned shard) { ++worked[shard]; };
};

TEST_F(StandstillTest, AllAreHeldAndGoOn) {
    ASSERT_TRUE(standstill.stop(count, Seconds(5)));
    standstill.run_on(1, [this] { ++worked[1]; });
    standstill.go_on();
    EXPECT_EQ(worked[0], 1);
    EXPECT_EQ(worked[1], 2);
}

TEST_F(StandstillTest, WhoComesTooLateDoesNothingAndIsNotHeld) {
    std::promise<void> free;
    keep_busy(free);
    EXPECT_FALSE(standstill.stop(count, Milliseconds(50)));
    free.set_value();
    wait_for_its_turn();
    EXPECT_EQ(worked[0], 1);
    EXPECT_EQ(worked[1], 0);
}

TEST_F(StandstillTest, TheNextAttemptIsNotMistakenForTheLast) {
    std::promise<void> free;
    keep_busy(free);
    EXPECT_FALSE(standstill.stop(count, Milliseconds(50)));
    std::thread later([&free] {
        std::this_thread::sleep_for(Milliseconds(50));
        free.set_value();
    });
    EXPECT_TRUE(standstill.stop(count, Seconds(5)));
    standstill.go_on();
    later.join();
    EXPECT_EQ(worked[0], 2);
    EXPECT_EQ(worked[1], 1);
}

TEST_F(StandstillTest, WhatAllAreToldReachesALateOne) {
    std::promise<void> free;
    keep_busy(free);
    standstill.tell_all(count);
    free.set_value();
    wait_for_its_turn();
    EXPECT_EQ(worked[1], 1);
}

}  // namespace
}  // namespace rookery::test
