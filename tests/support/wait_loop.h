// WaitLoop: a real Loop for tests and benches that have no sockets. The thread that makes it runs it, by waiting for
// something; time is the system's. For tests of time use a fake loop instead.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/loop.h"
#include "base/task.h"

namespace rookery {

class WaitLoop final : public Loop {
public:
    WaitLoop() : before_(Loop::current()) { set_current(this); }
    ~WaitLoop() override { set_current(before_); }
    WaitLoop(const WaitLoop&) = delete;
    WaitLoop& operator=(const WaitLoop&) = delete;

    void post(Callback work) override {
        std::lock_guard lock(mutex_);
        posted_.push_back(std::move(work));
        changed_.notify_one();  // inside the lock: the loop may be gone right after it
    }
    void post_as(Rank rank, Callback work) override {
        if (rank == Rank::in) return post(std::move(work));
        std::lock_guard lock(mutex_);
        posted_below_.push_back([rank, work = std::move(work)]() mutable {
            const As as(rank);
            work();
        });
        changed_.notify_one();
    }

    TimerId after(Duration delay, Callback work) override {
        const TimerId id = ++last_timer_;
        timers_.emplace(std::pair(clock_.steady_now() + delay, id), std::move(work));
        return id;
    }

    void cancel(TimerId timer) override {
        std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer; });
    }

    void at_turn_end(Callback work) override { turn_end_.push_back(std::move(work)); }
    const Clock& clock() const override { return clock_; }

    // Runs until `done()` is true; false: it took longer than `limit`.
    template <class Done>
    bool run_until(Done done, Duration limit = Seconds(20)) {
        const SteadyTime end = clock_.steady_now() + limit;
        while (!done()) {
            if (clock_.steady_now() >= end) return false;
            turn(end);
        }
        return true;
    }

    // Runs until the task is finished and gives its value.
    template <class T>
    T wait(Task<T> task) {
        std::optional<T> value;
        spawn(store(std::move(task), &value));
        if (!run_until([&] { return value.has_value(); })) throw std::runtime_error("the task did not finish in time");
        return std::move(*value);
    }

private:
    template <class T>
    static Task<void> store(Task<T> task, std::optional<T>* into) {
        into->emplace(co_await task);
    }

    void turn(SteadyTime end) {
        const SteadyTime until = timers_.empty() ? end : std::min(end, timers_.begin()->first.first);
        std::deque<Callback> work;
        {
            std::unique_lock lock(mutex_);
            changed_.wait_until(lock, until, [&] { return !posted_.empty() || !posted_below_.empty(); });
            work.swap(posted_.empty() ? posted_below_ : posted_);
        }
        for (Callback& one : work) one();
        run_timers();
        for (Callback& one : std::exchange(turn_end_, {})) one();
    }

    void run_timers() {
        while (!timers_.empty() && timers_.begin()->first.first <= clock_.steady_now()) {
            Callback due = std::move(timers_.begin()->second);
            timers_.erase(timers_.begin());
            due();
        }
    }

    Loop* const before_;
    SystemClock clock_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Callback> posted_;
    std::deque<Callback> posted_below_;  // by newcomers and strangers
    std::map<std::pair<SteadyTime, TimerId>, Callback> timers_;
    TimerId last_timer_ = 0;
    std::vector<Callback> turn_end_;
};

// The value of a task: by this thread's WaitLoop, or, when it has none, of a task that needs no loop (storage in
// memory, or storage that blocks because of that).
template <class T>
T run_now(Task<T> task) {
    if (auto* loop = dynamic_cast<WaitLoop*>(Loop::current())) return loop->wait(std::move(task));
    std::optional<T> value;
    auto store = [](Task<T> work, std::optional<T>* into) -> Task<void> { into->emplace(co_await work); };
    spawn(store(std::move(task), &value));
    if (!value) throw std::runtime_error("the task waits for a loop");
    return std::move(*value);
}

}  // namespace rookery
