#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace rookery {

namespace {
constexpr std::size_t few_entries = 64;
}  // namespace

TimerWheel::TimerWheel(SteadyTime start) : start_(start) {}

TimerId TimerWheel::add(SteadyTime now, Duration delay, Callback work) {
    if (free_ == none) {
        free_ = static_cast<std::uint32_t>(entries_.size());
        entries_.emplace_back();
    }
    const std::uint32_t index = free_;
    Entry& entry = entries_[index];
    free_ = entry.next;
    entry.work = std::move(work);
    entry.due = std::max(tick_at_or_after(now + std::max(delay, Duration::zero())), current_ + 1);
    entry.armed = true;
    if (++last_generation_ == 0) ++last_generation_;  // so that no id is ever 0
    entry.generation = last_generation_;
    link(index);
    ++size_;
    return (static_cast<TimerId>(entry.generation) << 32) | index;
}

void TimerWheel::cancel(TimerId timer) {
    const auto index = static_cast<std::uint32_t>(timer);
    if (index >= entries_.size()) return;
    const Entry& entry = entries_[index];
    if (!entry.armed || entry.generation != timer >> 32) return;
    unlink(index);
    release(index);  // destroys the callback here
}

void TimerWheel::clear() {
    std::deque<Entry> dropped = std::exchange(entries_, {});
    free_ = none;
    size_ = 0;
    lists_.fill({});
    occupied_.fill(0);
}

void TimerWheel::run(SteadyTime now) {
    if (now < start_) return;
    const Tick until = static_cast<Tick>((now - start_) / tick);
    for (std::optional<Tick> due = next_tick(); due && *due <= until; due = next_tick()) {
        current_ = *due;
        for (unsigned level = 1; level < levels && current_ % (Tick{1} << (level_bits * level)) == 0; ++level)
            cascade(level);
        if (current_ % slots == 0) give_back_memory();
        run_slot();
    }
    current_ = std::max(current_, until);
}

std::optional<SteadyTime> TimerWheel::next() const {
    const std::optional<Tick> due = next_tick();
    if (!due) return std::nullopt;
    return start_ + *due * tick;
}

TimerWheel::Tick TimerWheel::tick_at_or_after(SteadyTime time) const {
    if (time <= start_) return 0;
    return static_cast<Tick>((time - start_ + tick - Duration(1)) / tick);
}

// The first tick after the current one at which a slot is to be run or to be moved down.
std::optional<TimerWheel::Tick> TimerWheel::next_tick() const {
    std::optional<Tick> first;
    for (unsigned level = 0; level < levels; ++level) {
        if (occupied_[level] == 0) continue;
        const Tick here = current_ >> (level_bits * level);
        const std::uint64_t from_next = std::rotr(occupied_[level], static_cast<int>((here + 1) % slots));
        const Tick ahead = static_cast<Tick>(std::countr_zero(from_next)) + 1;
        const Tick at = (here + ahead) << (level_bits * level);
        if (!first || at < *first) first = at;
    }
    return first;
}

void TimerWheel::link(std::uint32_t index) {
    Entry& entry = entries_[index];
    constexpr Tick reach = Tick{1} << (level_bits * levels);
    const Tick due = std::min(entry.due, current_ + reach - 1);
    unsigned level = 0;
    while ((due - current_) >> (level_bits * (level + 1)) != 0) ++level;
    const auto slot = static_cast<unsigned>((due >> (level_bits * level)) % slots);

    entry.slot = static_cast<std::uint16_t>(level * slots + slot);
    List& list = lists_[entry.slot];
    entry.next = none;
    entry.previous = std::exchange(list.last, index);
    (entry.previous == none ? list.first : entries_[entry.previous].next) = index;
    occupied_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::unlink(std::uint32_t index) {
    const Entry& entry = entries_[index];
    List& list = lists_[entry.slot];
    (entry.next == none ? list.last : entries_[entry.next].previous) = entry.previous;
    (entry.previous == none ? list.first : entries_[entry.previous].next) = entry.next;
    if (list.first == none) occupied_[entry.slot / slots] &= ~(std::uint64_t{1} << entry.slot % slots);
}

void TimerWheel::cascade(unsigned level) {
    const auto slot = level * slots + static_cast<unsigned>((current_ >> (level_bits * level)) % slots);
    std::uint32_t index = std::exchange(lists_[slot], {}).first;
    occupied_[level] &= ~(std::uint64_t{1} << slot % slots);
    while (index != none) {
        const std::uint32_t next = entries_[index].next;
        link(index);
        index = next;
    }
}

void TimerWheel::run_slot() {
    const List& due = lists_[current_ % slots];
    while (due.first != none) {
        const std::uint32_t index = due.first;
        unlink(index);
        Callback work = release(index);
        work();
    }
}

Callback TimerWheel::release(std::uint32_t index) {
    Entry& entry = entries_[index];
    Callback work = std::move(entry.work);
    entry.armed = false;
    entry.next = free_;
    free_ = index;
    --size_;
    ++released_;
    return work;
}

// The lowest free entries are taken first afterwards, so that a few late timers do not hold the rest for long.
void TimerWheel::give_back_memory() {
    if (entries_.size() < 4 * (size_ + few_entries)) return;
    const bool little_has_gone = released_ < entries_.size() / 4;  // since the last walk over all
    if (entries_.back().armed && little_has_gone) return;
    released_ = 0;
    while (!entries_.empty() && !entries_.back().armed) entries_.pop_back();
    free_ = none;
    for (auto index = static_cast<std::uint32_t>(entries_.size()); index-- > 0;)
        if (!entries_[index].armed) entries_[index].next = std::exchange(free_, index);
}

}  // namespace rookery
