#include "base/work_pool.h"

#include <gtest/gtest.h>

#include <future>

#include "base/log.h"
#include "hand_loop.h"

namespace rookery {
namespace {

struct Gatekeeper {  // holds the pool's thread until opened
    std::promise<void> open;
    std::shared_future<void> opened = open.get_future().share();
};

TEST(WorkPool, RunsElsewhereAndResumesOnTheAskersLoop) {
    HandLoop loop;
    WorkPool pool(1, 4);
    std::thread::id worked, resumed;
    int answer = 0;
    auto ask = [&]() -> Task<void> {
        auto work = [&worked] {
            worked = std::this_thread::get_id();
            return 42;
        };
        Result<int> got = co_await pool.run(work);
        resumed = std::this_thread::get_id();
        answer = got.value();
    };
    spawn(ask());
    EXPECT_EQ(answer, 0);
    ASSERT_TRUE(loop.turn());
    EXPECT_EQ(answer, 42);
    EXPECT_EQ(resumed, std::this_thread::get_id());
    EXPECT_NE(worked, resumed);
}

TEST(WorkPool, PassesResultsVoidAndMoveOnlyWorkThrough) {
    HandLoop loop;
    WorkPool pool(2, 4);
    int done = 0;
    auto ask = [&]() -> Task<void> {
        auto refuse = []() -> Result<int> { return Error(ErrorCode::denied, "no"); };
        Result<int> refused = co_await pool.run(refuse);
        EXPECT_EQ(refused.error().code, ErrorCode::denied);
        auto nothing = [] {};
        Result<void> finished = co_await pool.run(nothing);
        EXPECT_TRUE(finished.ok());
        ++done;
    };
    spawn(ask());
    while (done == 0) ASSERT_TRUE(loop.turn());
}

TEST(WorkPool, FullQueueAnswersUnavailableAtOnce) {
    HandLoop loop;
    WorkPool pool(1, 1);
    Gatekeeper keeper;
    std::promise<void> started;
    int finished = 0, refused = 0;
    auto ask = [&](bool first) -> Task<void> {
        auto work = [first, &started, opened = keeper.opened] {
            if (first) started.set_value();
            opened.wait();
        };
        Result<void> answer = co_await pool.run(work);
        if (answer.ok())
            ++finished;
        else if (answer.error().code == ErrorCode::unavailable)
            ++refused;
    };
    spawn(ask(true));
    started.get_future().wait();
    spawn(ask(false));  // queued
    EXPECT_EQ(pool.queued(), 1u);
    spawn(ask(false));  // one too many
    EXPECT_EQ(refused, 1);
    keeper.open.set_value();
    while (finished < 2) ASSERT_TRUE(loop.turn());
}

TEST(WorkPool, AnExceptionIsContained) {
    HandLoop loop;
    log_to_function([](std::string_view) {});
    WorkPool pool(1, 1);
    bool contained = false;
    auto ask = [&]() -> Task<void> {
        auto work = []() -> int { throw std::runtime_error("bug"); };
        Result<int> answer = co_await pool.run(work);
        contained = !answer.ok() && answer.error().message.find("bug") != std::string::npos;
    };
    spawn(ask());
    ASSERT_TRUE(loop.turn());
    EXPECT_TRUE(contained);
    log_to_function(nullptr);
}

TEST(WorkPool, ADestroyedAskerIsNotWoken) {
    HandLoop loop;
    bool worked = false;
    {
        WorkPool pool(1, 1);
        auto work = [&worked] { worked = true; };
        auto task = std::make_unique<Task<Result<void>>>(pool.run(work));
        task->await_suspend(std::noop_coroutine()).resume();
        task.reset();
    }
    while (!loop.idle()) ASSERT_TRUE(loop.turn());  // under ASan: nothing freed is touched
}

TEST(WorkPool, StoppingAnswersWhatIsQueued) {
    HandLoop loop;
    auto pool = std::make_unique<WorkPool>(1, 8);
    Gatekeeper keeper;
    std::promise<void> started;
    int finished = 0, refused = 0;
    auto ask = [&](bool first) -> Task<void> {
        auto work = [first, &started, opened = keeper.opened] {
            if (first) started.set_value();
            opened.wait();
        };
        Result<void> answer = co_await pool->run(work);
        ++(answer.ok() ? finished : refused);
    };
    spawn(ask(true));
    started.get_future().wait();
    spawn(ask(false));
    spawn(ask(false));
    std::thread stopper([&] { pool.reset(); });
    ASSERT_TRUE(loop.turn());  // the first queued one hears of it while the pool still waits for its thread
    EXPECT_EQ(refused, 1);
    keeper.open.set_value();
    stopper.join();
    while (finished + refused < 3) ASSERT_TRUE(loop.turn());
    EXPECT_EQ(finished, 1);
    EXPECT_EQ(refused, 2);
}

}  // namespace
}  // namespace rookery
