#include "net/shard_loop.h"

#include <gtest/gtest.h>

#include <ctime>

#include "tests/net/support.h"

namespace rookery {
namespace {

using test::eventually;
using test::LoopThread;

TEST(ShardLoop, RunsPostsInOrderOnItsThread) {
    LoopThread thread;
    std::vector<int> order;
    for (int i = 0; i < 100; ++i) thread.loop.post([&order, i] { order.push_back(i); });
    EXPECT_EQ(thread.sync([] { return Loop::current(); }), &thread.loop);
    EXPECT_EQ(Loop::current(), nullptr);
    ASSERT_EQ(order.size(), 100u);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(ShardLoop, CountsWhatIsPosted) {
    LoopThread thread;
    thread.sync([&] {
        const Loop::Queues before = thread.loop.queues();
        for (int i = 0; i < 10; ++i) thread.loop.post([] {});
        std::this_thread::sleep_for(Milliseconds(5));
        const Loop::Queues now = thread.loop.queues();
        EXPECT_EQ(now.posted.length, 10u);
        EXPECT_GE(now.posted.oldest, Duration(Milliseconds(5)));
        EXPECT_EQ(now.posts.in - before.posts.in, 10u);
        EXPECT_EQ(now.posts.out, before.posts.out);
    });
    EXPECT_TRUE(eventually([&] { return thread.loop.queues().posted.length == 0; }));
    EXPECT_EQ(thread.loop.queues().posted.oldest, std::nullopt);
}

TEST(ShardLoop, APostFromWithinRunsInTheNextTurn) {
    LoopThread thread;
    std::atomic<int> step{0};
    thread.loop.post([&] {
        thread.loop.post([&] { step = step == 1 ? 2 : -1; });
        thread.loop.at_turn_end([&] { step = 1; });
    });
    EXPECT_TRUE(eventually([&] { return step != 0 && step != 1; }));
    EXPECT_EQ(step, 2);
}

TEST(ShardLoop, TurnEndsMayAskForAnother) {
    LoopThread thread;
    std::atomic<int> rounds{0};
    std::function<void()> again = [&] {
        if (++rounds < 50) thread.loop.at_turn_end([&] { again(); });
    };
    thread.loop.post([&] { again(); });
    EXPECT_TRUE(eventually([&] { return rounds == 50; }));
}

TEST(ShardLoop, TimersFireInOrderAndNotEarly) {
    LoopThread thread;
    std::vector<int> order;
    std::promise<void> done;
    const auto begin = std::chrono::steady_clock::now();
    thread.sync([&] {
        thread.loop.after(Milliseconds(60), [&] { order.push_back(60), done.set_value(); });
        thread.loop.after(Milliseconds(20), [&] { order.push_back(20); });
        thread.loop.after(Milliseconds(0), [&] { order.push_back(0); });
        const TimerId cancelled = thread.loop.after(Milliseconds(30), [&] { order.push_back(30); });
        thread.loop.cancel(cancelled);
    });
    done.get_future().wait();
    const auto took = std::chrono::steady_clock::now() - begin;
    thread.stop();
    EXPECT_EQ(order, (std::vector<int>{0, 20, 60}));
    EXPECT_GE(took, Milliseconds(60));
    EXPECT_LT(took, Milliseconds(1000));
}

TEST(ShardLoop, AnIdleLoopIsNotWoken) {
    LoopThread thread;
    thread.sync([&] { thread.loop.after(std::chrono::hours(1), [] {}); });
    std::this_thread::sleep_for(Milliseconds(50));
    const std::uint64_t before = thread.loop.gauges().turns;
    std::this_thread::sleep_for(Milliseconds(300));
    EXPECT_EQ(thread.loop.gauges().turns, before);
    EXPECT_EQ(thread.loop.gauges().timers, 1u);
}

TEST(ShardLoop, ManyPostsWakeItOnce) {
    LoopThread thread;
    std::this_thread::sleep_for(Milliseconds(20));
    const std::uint64_t before = thread.loop.gauges().wakeups;
    thread.sync([&] {
        for (int i = 0; i < 1000; ++i) thread.loop.post([] {});
    });
    thread.sync([] {});
    EXPECT_LE(thread.loop.gauges().wakeups - before, 2u);  // one for each sync
}

TEST(ShardLoop, StopsAndRunsAgain) {
    ShardLoop loop;
    int ran = 0;
    loop.post([&] { ++ran; });
    loop.post([&] { loop.stop(); });
    loop.run();
    EXPECT_EQ(ran, 1);
    loop.post([&] { ++ran, loop.stop(); });
    loop.run();
    EXPECT_EQ(ran, 2);
}

TEST(ShardLoop, CallbacksThatNeverRanAreDestroyed) {
    const auto watched = std::make_shared<int>(0);
    {
        ShardLoop loop;
        loop.post([watched] {});
        loop.after(Seconds(1), [watched] {});
        loop.at_turn_end([watched] {});
        EXPECT_EQ(watched.use_count(), 4);
    }
    EXPECT_EQ(watched.use_count(), 1);
}

TEST(ShardLoop, PostsFromManyThreadsAllArrive) {
    LoopThread thread;
    std::atomic<int> ran{0};
    std::vector<std::thread> posters;
    for (int t = 0; t < 4; ++t) {
        posters.emplace_back([&] {
            for (int i = 0; i < 5000; ++i) thread.loop.post([&] { ++ran; });
        });
    }
    for (std::thread& poster : posters) poster.join();
    EXPECT_TRUE(eventually([&] { return ran == 20000; }));
}

}  // namespace
}  // namespace rookery
