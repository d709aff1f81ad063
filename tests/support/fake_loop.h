// FakeLoops: several shards' loops in one thread with one fake clock. Deterministic: loops take turns in order, time
// stands still until it is advanced.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "base/loop.h"

namespace rookery::test {

class FakeClock final : public Clock {
public:
    SteadyTime steady_now() const override { return SteadyTime(passed_ + Seconds(1'000)); }
    WallTime wall_now() const override {
        return WallTime(std::chrono::duration_cast<WallTime::duration>(passed_ - set_back_ + Seconds(1'795'000'000)));
    }
    void advance(Duration by) { passed_ += by; }
    // The wall clock is set anew; what has passed stays the same.
    void set_back(Duration by) { set_back_ += by; }

private:
    Duration passed_{};
    Duration set_back_{};
};

class FakeLoop final : public Loop {
public:
    explicit FakeLoop(FakeClock& clock) : clock_(clock) {}

    void post(Callback work) override {
        const std::lock_guard lock(mutex_);  // answers of a real database come from its threads
        posted_.push_back(std::move(work));
    }
    void post_as(Rank rank, Callback work) override;
    TimerId after(Duration delay, Callback work) override {
        const TimerId id = ++last_timer_;
        timers_.emplace(std::pair(clock_.steady_now() + delay, id), std::move(work));
        return id;
    }
    void cancel(TimerId timer) override {
        std::erase_if(timers_, [timer](const auto& entry) { return entry.first.second == timer; });
    }
    void at_turn_end(Callback work) override { turn_end_.push_back(std::move(work)); }
    const Clock& clock() const override { return clock_; }

    // Wires in memory are in no queue of the loop; what is in the output of others is claimed.
    Queues queues() const override { return {.posted = {}, .posts = {}, .output = {output_, 0, 0}}; }
    void claim_output(std::uint64_t bytes) { output_ = bytes; }

    // One turn: what is posted, what is due, the turn's end. False: there was nothing to do.
    bool turn();
    SteadyTime next_timer() const { return timers_.empty() ? SteadyTime::max() : timers_.begin()->first.first; }
    // Drops what is posted and planned: those it was for are gone.
    void forget();
    // Runs `work` as this loop's thread would.
    void run_here(Callback work);

private:
    std::deque<Callback> take_posted();

    FakeClock& clock_;
    std::mutex mutex_;
    std::deque<Callback> posted_;
    std::deque<Callback> posted_below_;  // by newcomers and strangers: one in each turn, behind the others
    std::vector<Callback> turn_end_;
    std::map<std::pair<SteadyTime, TimerId>, Callback> timers_;
    TimerId last_timer_ = 0;
    std::uint64_t output_ = 0;
};

class FakeLoops {
public:
    explicit FakeLoops(unsigned count);

    FakeLoop& at(unsigned index) { return *loops_[index]; }
    unsigned count() const { return static_cast<unsigned>(loops_.size()); }
    FakeClock& clock() { return clock_; }
    std::vector<Loop*> all() const;

    void forget();
    void run_until_idle();
    // Idle is then only what has nothing to wait for outside, either: answers of a real database.
    void wait_for(std::function<bool()> pending) { pending_ = std::move(pending); }
    // Lets timers fire one by one on the way.
    void advance(Duration by);

private:
    bool turn_all();

    FakeClock clock_;
    std::function<bool()> pending_;
    std::vector<std::unique_ptr<FakeLoop>> loops_;
};

}  // namespace rookery::test
