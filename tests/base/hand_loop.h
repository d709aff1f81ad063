// A loop turned by hand, for tests of what posts to a loop from other threads.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>

#include "base/loop.h"

namespace rookery {

class HandLoop final : public Loop {
public:
    HandLoop() { set_current(this); }
    ~HandLoop() override { set_current(nullptr); }

    void post(Callback work) override {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(work));
        wake_.notify_one();
    }
    TimerId after(Duration, Callback) override { throw std::logic_error("no timers"); }
    void cancel(TimerId) override {}
    void at_turn_end(Callback) override { throw std::logic_error("no turns"); }
    const Clock& clock() const override { return clock_; }

    // Waits for one piece of work (at most 10 s) and runs it.
    bool turn() {
        Callback work;
        {
            std::unique_lock lock(mutex_);
            if (!wake_.wait_for(lock, Seconds(10), [this] { return !posted_.empty(); })) return false;
            work = std::move(posted_.front());
            posted_.pop_front();
        }
        work();
        return true;
    }
    bool idle() {
        const std::lock_guard lock(mutex_);
        return posted_.empty();
    }

private:
    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Callback> posted_;
    SystemClock clock_;
};

}  // namespace rookery
