// TimerWheel: very many timers for a hundred bytes each. Four levels of 64 slots; a tick is 10 ms, so the levels reach
// 0.6 s, 41 s, 44 min and 46 h (what is later waits in the last one for its turn). Adding and cancelling do not depend
// on the number of timers; the memory of a crowd that has gone is given back when later ones run. Time is given by the
// caller. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "base/callback.h"
#include "base/clock.h"
#include "base/loop.h"

namespace rookery {

class TimerWheel {
public:
    static constexpr Duration tick = Milliseconds(10);

    explicit TimerWheel(SteadyTime start);

    TimerId add(SteadyTime now, Duration delay, Callback work);
    void cancel(TimerId timer);  // unknown and fired ids are ignored
    void clear();                // forgets them all; ids given before may come again

    // Runs what is due, in order of time, then of adding. The callbacks may add and cancel; what they add waits at
    // least for the next tick.
    void run(SteadyTime now);
    // When run() has something to do next: the next timer, or a little earlier when a far one moves down a level.
    std::optional<SteadyTime> next() const;
    std::size_t size() const { return size_; }
    std::size_t places() const { return entries_.size(); }  // there is memory for so many

private:
    static constexpr unsigned level_bits = 6, slots = 1u << level_bits, levels = 4;
    static constexpr std::uint32_t none = UINT32_MAX;
    using Tick = std::uint64_t;

    struct Entry {
        Callback work;
        Tick due = 0;
        std::uint32_t next = none, previous = none;
        std::uint32_t generation = 0;
        std::uint16_t slot = 0;  // level * slots + index in the level
        bool armed = false;
    };

    Tick tick_at_or_after(SteadyTime time) const;
    std::optional<Tick> next_tick() const;
    void link(std::uint32_t index);
    void unlink(std::uint32_t index);
    void cascade(unsigned level);
    void run_slot();
    Callback release(std::uint32_t index);
    void give_back_memory();

    SteadyTime start_;
    Tick current_ = 0;  // every tick up to this one has been run
    std::size_t size_ = 0;
    std::size_t released_ = 0;  // since memory was last looked through for what can be given back
    std::deque<Entry> entries_;
    std::uint32_t free_ = none;  // list through Entry::next
    std::uint32_t last_generation_ = 0;
    struct List {
        std::uint32_t first = none, last = none;
    };
    std::array<List, levels * slots> lists_;
    std::array<std::uint64_t, levels> occupied_{};  // one bit a slot
};

}  // namespace rookery
