#include "tests/support/fake_loop.h"

#include <algorithm>
#include <utility>

namespace rookery::test {

void FakeLoop::post_as(Rank rank, Callback work) {
    if (rank == Rank::in) return post(std::move(work));
    const std::lock_guard lock(mutex_);
    posted_below_.push_back([rank, work = std::move(work)]() mutable {
        const As as(rank);
        work();
    });
}

void FakeLoop::run_here(Callback work) {
    Loop* const before = current();
    set_current(this);
    work();
    set_current(before);
}

std::deque<Callback> FakeLoop::take_posted() {
    const std::lock_guard lock(mutex_);
    std::deque<Callback> taken = std::exchange(posted_, {});
    if (posted_below_.empty()) return taken;
    taken.push_back(std::move(posted_below_.front()));
    posted_below_.pop_front();
    return taken;
}

void FakeLoop::forget() {
    std::deque<Callback> posted, posted_below;  // their ends may post: not under the lock
    {
        const std::lock_guard lock(mutex_);
        posted.swap(posted_);
        posted_below.swap(posted_below_);
    }
    std::exchange(timers_, {}).clear();
    std::exchange(turn_end_, {}).clear();
}

bool FakeLoop::turn() {
    Loop* const before = current();
    set_current(this);
    bool busy = false;
    for (Callback& work : take_posted()) {
        work();
        busy = true;
    }
    while (!timers_.empty() && timers_.begin()->first.first <= clock_.steady_now()) {
        Callback work = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        work();
        busy = true;
    }
    for (Callback& work : std::exchange(turn_end_, {})) {
        work();
        busy = true;
    }
    set_current(before);
    return busy;
}

FakeLoops::FakeLoops(unsigned count) {
    for (unsigned i = 0; i < count; ++i) loops_.push_back(std::make_unique<FakeLoop>(clock_));
}

std::vector<Loop*> FakeLoops::all() const {
    std::vector<Loop*> loops;
    for (const auto& loop : loops_) loops.push_back(loop.get());
    return loops;
}

bool FakeLoops::turn_all() {
    bool busy = false;
    for (const auto& loop : loops_) busy = loop->turn() || busy;
    return busy;
}

void FakeLoops::forget() {
    for (const auto& loop : loops_) loop->forget();
}

void FakeLoops::run_until_idle() {
    while (turn_all() || (pending_ && pending_())) continue;
}

void FakeLoops::advance(Duration by) {
    const SteadyTime end = clock_.steady_now() + by;
    run_until_idle();
    while (true) {
        SteadyTime next = end;
        for (const auto& loop : loops_) next = std::min(next, loop->next_timer());
        if (next > clock_.steady_now()) clock_.advance(next - clock_.steady_now());
        run_until_idle();
        if (clock_.steady_now() >= end) return;
    }
}

}  // namespace rookery::test
