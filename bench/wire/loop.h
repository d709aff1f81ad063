// A small epoll loop for the load programs: level-triggered events, and one flush a turn for whoever wrote.
// Used on one thread only. Independent of net/ on purpose: the yardstick must not share code with what it measures.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace rookery::bench {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

class Loop {
public:
    // Must outlive the turn in which it forgot its descriptor: an event fetched earlier may still arrive.
    class Handler {
    public:
        virtual void on_event(std::uint32_t events) = 0;

    protected:
        ~Handler() = default;
    };

    class Flushable {
    public:
        virtual void on_flush() = 0;

    protected:
        ~Flushable() = default;
    };

    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void watch(int descriptor, std::uint32_t events, Handler* handler);
    void change(int descriptor, std::uint32_t events, Handler* handler);
    void forget(int descriptor);

    // Calls on_flush once at the end of this turn (or of the next one when called between turns).
    // The caller keeps itself alive until then and asks once a turn only.
    void flush_later(Flushable* target) { to_flush_.push_back(target); }

    // Waits for events for at most `timeout`, handles them, flushes. One turn.
    void turn(std::chrono::milliseconds timeout);
    TimePoint now() const { return now_; }  // taken once a turn, after waiting

private:
    void flush();

    int epoll_;
    TimePoint now_;
    std::vector<Flushable*> to_flush_;
    std::vector<Flushable*> flushing_;
};

}  // namespace rookery::bench
