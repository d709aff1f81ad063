// Between the coroutine that asks and the thread that works: Reply, Job, JobQueue.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/queue_counts.h"
#include "base/loop.h"
#include "storage/sql/statement.h"

namespace rookery {

using Answer = Result<std::vector<WriteOutcome>>;

// Shared by the waiting coroutine and the worker: either may be gone first.
struct ReplyState {
    explicit ReplyState(Rank answered_as) : rank(answered_as) {}

    Loop* const loop = Loop::current();  // nullptr: the asking thread blocks
    const Rank rank;
    std::optional<Answer> answer;        // written by the worker, before `done` or the post
    std::atomic<bool> done = false;      // only for the blocking form
    std::coroutine_handle<> waiting;     // touched on the loop's thread only
};
using ReplyPtr = std::shared_ptr<ReplyState>;

// `Answer a = co_await reply;`, made in the frame of the coroutine that asks. What is written is answered as `in`,
// whoever asked: else answers would overtake each other. What is read, in the rank of who asks.
class Reply {
public:
    explicit Reply(Rank rank) : state_(std::make_shared<ReplyState>(rank)) {}
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    ~Reply() { state_->waiting = nullptr; }  // destroyed while waiting: the answer finds nobody

    const ReplyPtr& state() const { return state_; }

    bool await_ready() const {
        if (!state_->loop) state_->done.wait(false, std::memory_order_acquire);
        return !state_->loop;
    }
    void await_suspend(std::coroutine_handle<> coroutine) { state_->waiting = coroutine; }
    Answer await_resume() { return std::move(*state_->answer); }

private:
    ReplyPtr state_;
};

// Wakes everybody whose `answer` is set: one post for each loop, however many of those who are in get theirs; others are
// woken one by one, so that a loop may leave some for later.
void deliver(std::vector<ReplyPtr> replies);

struct Job {
    std::vector<Statement> statements;
    ReplyPtr reply;
    std::size_t bytes;
    SteadyTime queued_at;

    Job(std::vector<Statement> work, ReplyPtr answer_to);
};

// Bounded, first in first out, any thread.
class JobQueue {
public:
    JobQueue(std::size_t max_calls, std::size_t max_bytes) : max_calls_(max_calls), max_bytes_(max_bytes) {}

    // False: full, or closed; nothing was kept. A single call larger than max_bytes is taken by an empty queue.
    bool push(Job job);
    // Waits for work; at most max_calls, and no more once max_bytes are reached. Empty: closed, and all work was taken.
    std::vector<Job> take(std::size_t max_calls, std::size_t max_bytes);
    // The same for the one thread that commits what it takes together: after `crowd` calls or more it lets `groups_apart`
    // pass between the beginnings of two groups, since a commit costs nearly as much for one call as for twenty.
    std::vector<Job> take_group(std::size_t max_calls, std::size_t max_bytes);
    void close();

    std::size_t max_calls() const { return max_calls_; }
    std::size_t max_bytes() const { return max_bytes_; }
    std::size_t calls() const;
    std::size_t bytes() const;
    std::optional<SteadyTime> oldest() const;
    QueueCounts call_counts() const;
    QueueCounts byte_counts() const;

private:
    static constexpr std::size_t crowd = 4;
    static constexpr Milliseconds groups_apart{4};

    const std::size_t max_calls_;
    const std::size_t max_bytes_;
    SteadyTime group_began_;  // this and the next: of the thread that commits
    bool crowded_ = false;
    mutable std::mutex mutex_;
    std::condition_variable not_empty_;
    std::deque<Job> jobs_;
    std::size_t bytes_ = 0;
    std::uint64_t calls_in_ = 0, bytes_in_ = 0, refused_ = 0;
    bool closed_ = false;
};

}  // namespace rookery
