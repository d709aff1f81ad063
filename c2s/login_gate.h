// LoginGate: how many logins of a shard may ask storage something at once; the others wait for their turn, unread. So
// what those who are in ask for never stands behind thousands of logins, and storage never refuses one for want of room.
// Only what we owe an answer counts: a client that takes its time holds no place. Loop's thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "base/loop.h"
#include "base/queue_counts.h"
#include "base/task.h"

namespace rookery {

class LoginGate {
public:
    // Who came further goes first, and a session that is to be resumed before all: its messages wait.
    enum class Step { resume, bind, credentials };

    LoginGate(Loop& loop, std::size_t max_working) : loop_(loop), max_working_(max_working) {}
    LoginGate(const LoginGate&) = delete;
    LoginGate& operator=(const LoginGate&) = delete;

    // Begins at once, or in a later turn when it is its turn; what has not begun by the end never does. In the rank of a
    // newcomer, but for resumptions, which are in. The gate outlives what has begun.
    void run(Step step, Task<void> work);

    // With those who wait.
    QueueMember now() const { return {working_ + waiting(), max_working_}; }
    QueueCounts counts() const { return counts_of(met_, working_ + waiting(), waited_); }

private:
    class Place;

    std::size_t waiting() const;
    void begin(Step step, Task<void> work);
    Task<void> attend(Task<void> work);
    void leave();
    void let_in();

    Loop& loop_;
    const std::size_t max_working_;
    std::size_t working_ = 0;
    std::array<std::deque<Task<void>>, 3> waiting_;  // by step
    std::uint64_t met_ = 0, waited_ = 0;
    bool letting_in_ = false;
};

}  // namespace rookery
