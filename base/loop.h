// Loop: the event loop of one shard as the rest of the program sees it.
// net/ implements it over epoll and Asio, tests/support fakes it.
#pragma once

#include <cstdint>

#include "base/callback.h"
#include "base/clock.h"
#include "base/queue_counts.h"
#include "base/task.h"

namespace rookery {

using TimerId = std::uint64_t;  // 0 is never a timer

// Whose work a shard does first: that of those who are in (sessions, servers, administrators), then that of newcomers
// on their way in, then that of strangers of whom nothing is known.
enum class Rank : std::uint8_t { in, newcomer, stranger };

class Loop {
public:
    virtual ~Loop() = default;

    // Runs `work` on this loop's thread, after what runs now. Any thread may call it. Never blocks; the
    // queue behind it is for rare things (replies of storage, commands), so it has no bound of its own.
    virtual void post(Callback work) = 0;
    // The same for somebody of that rank: behind the work of all who are in, and only so much of it in one turn. Answers
    // come back in the rank in which they were asked for: post_as(Loop::rank() at that time). Order holds within a rank: what
    // must stay in order though askers differ (commits) is posted as `in`.
    virtual void post_as(Rank, Callback work) { post(std::move(work)); }

    // Runs `work` once, not before `delay` has passed (resolution: 100 ms or better). Loop's thread only.
    virtual TimerId after(Duration delay, Callback work) = 0;
    // Forgets a timer; unknown and fired ids are ignored. Loop's thread only.
    virtual void cancel(TimerId timer) = 0;

    // Runs `work` at the end of this turn of the loop, before it sleeps: one flush for all that was written.
    // Loop's thread only.
    virtual void at_turn_end(Callback work) = 0;

    virtual const Clock& clock() const = 0;

    // For gauges. Any thread; each a little late.
    struct Queues {
        QueueMember posted;   // callbacks
        QueueCounts posts;
        QueueCounts output;   // bytes written to connections of this loop, and those that left
    };
    virtual Queues queues() const { return {}; }

    // The loop whose thread this is; nullptr on threads without one.
    static Loop* current();
    // Of the work that this thread does now. Threads without a loop are in.
    static Rank rank();

    // What is done while it lives is of that rank.
    class As {
    public:
        explicit As(Rank rank) : before_(Loop::rank()) { set_rank(rank); }
        ~As() { set_rank(before_); }
        As(const As&) = delete;
        As& operator=(const As&) = delete;

    private:
        const Rank before_;
    };

protected:
    // Implementations name themselves on their thread; nullptr ends it.
    static void set_current(Loop* loop);

private:
    static void set_rank(Rank rank);
};

// For long work on a loop's thread: lets everything else that waits go first.
Task<void> next_turn(Loop& loop);
// Waits that long, at the resolution of timers.
Task<void> pause(Loop& loop, Duration time);

}  // namespace rookery
