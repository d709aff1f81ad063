// Standstill: holds the threads of all loops while an upgrade is decided. Nothing happens on them meanwhile: no timer, no
// event, no flush, so what was saved of connections stays true.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "base/loop.h"

namespace rookery {

class Standstill {
public:
    explicit Standstill(std::vector<Loop*> loops) : loops_(std::move(loops)), work_(loops_.size()) {}
    // REQUIRES: go_on() was called, or stop() never.
    ~Standstill() = default;
    Standstill(const Standstill&) = delete;
    Standstill& operator=(const Standstill&) = delete;

    // From another thread than the loops'. Runs `work(shard)` on every loop's thread, on one at a time, and waits for all of
    // them. False: not all had their turn in time; those that come later do nothing. The loops go on.
    bool on_all(std::function<void(unsigned)> work, Duration limit);
    // On every loop's thread when it has its turn; waits for nothing.
    void tell_all(std::function<void(unsigned)> work);
    // As on_all, at the same time on all of them, and they are held. On failure those that came are released, and those
    // that come later do nothing.
    bool stop(std::function<void(unsigned)> work, Duration limit);
    // On the thread of a loop that is held; waits for it.
    void run_on(unsigned shard, std::function<void()> work);
    void go_on();

private:
    void hold(unsigned shard, unsigned attempt, const std::function<void(unsigned)>& work);

    const std::vector<Loop*> loops_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::function<void()>> work_;  // of loops that are held
    unsigned attempt_ = 0;     // to stop; a loop that comes for another one is too late
    std::size_t begun_ = 0;    // loops that came
    std::size_t arrived_ = 0;  // those of them whose work is done: they are held
    bool released_ = false;
};

}  // namespace rookery
