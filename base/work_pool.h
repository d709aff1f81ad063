// WorkPool: a few threads for work that would stop a shard for milliseconds (PBKDF2, image scaling).
// The queue is bounded: when it is full the asker hears "unavailable" at once instead of waiting in a growing line.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "base/callback.h"
#include "base/loop.h"
#include "base/queue_counts.h"
#include "base/result.h"
#include "base/task.h"

namespace rookery {

namespace detail {

template <class T>
struct WorkAnswer {
    using Type = Result<T>;
};
template <class T>
struct WorkAnswer<Result<T>> {
    using Type = Result<T>;
};

// Shared by the waiting coroutine and the pool's thread. `abandoned` is touched on the loop's thread only.
template <class F>
struct Work {
    using Answer = typename WorkAnswer<std::invoke_result_t<F&>>::Type;

    Work(F function, Loop& asker) : work(std::move(function)), loop(asker) {}

    Answer execute() {
        if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
            (*work)();
            return Answer();
        } else {
            return (*work)();
        }
    }

    std::optional<F> work;
    Loop& loop;
    const Rank rank = Loop::rank();
    std::optional<Answer> answer;
    Completion<Answer> done;
    bool abandoned = false;
};

Error work_threw(std::exception_ptr failure);  // logs it: a bug in the work

template <class W>
void finish_on_loop(std::shared_ptr<W> state) {
    Loop& loop = state->loop;
    const Rank rank = state->rank;
    loop.post_as(rank, [state = std::move(state)] {
        if (!state->abandoned) state->done.complete(std::move(*state->answer));
    });
}

// Lives in the waiting coroutine: when that is destroyed early, nobody is woken.
template <class W>
struct AbandonAtExit {
    explicit AbandonAtExit(W& work) : state(work) {}
    AbandonAtExit(const AbandonAtExit&) = delete;
    AbandonAtExit& operator=(const AbandonAtExit&) = delete;
    ~AbandonAtExit() { state.abandoned = true; }
    W& state;
};

}  // namespace detail

class WorkPool {
public:
    // No threads: work is done at once, on the caller's thread (tests with a fake clock).
    WorkPool(std::size_t threads, std::size_t max_queued);
    // Waits for what runs; what is still queued is answered "unavailable". The askers' loops outlive the pool.
    ~WorkPool();
    WorkPool(const WorkPool&) = delete;
    WorkPool& operator=(const WorkPool&) = delete;

    // Runs `work()` on a thread of the pool; the caller is resumed on its own loop. Called on a loop's thread.
    // Result<T> of what `work` returns (T or Result<T>); ErrorCode::unavailable when the queue is full, the pool
    // stops, or `work` threw (logged). The pool outlives the task.
    template <class F>
    auto run(F work) -> Task<typename detail::Work<F>::Answer> {
        assert(Loop::current());
        auto state = std::make_shared<detail::Work<F>>(std::move(work), *Loop::current());
        const bool accepted = submit([state](bool stopping) mutable { perform(std::move(state), stopping); });
        if (!accepted) co_return Error(ErrorCode::unavailable, "the work queue is full");
        const detail::AbandonAtExit<detail::Work<F>> guard(*state);
        co_return co_await state->done;
    }

    std::size_t queued() const;  // waiting, without those being worked on; any thread
    QueueMember waiting() const;  // the same with its bound and the age of the oldest; any thread
    QueueCounts counts() const;   // any thread

private:
    using Job = std::function<void(bool stopping)>;

    template <class W>
    static void perform(std::shared_ptr<W> state, bool stopping) {
        try {
            if (stopping)
                state->answer.emplace(Error(ErrorCode::unavailable, "the work pool stops"));
            else
                state->answer.emplace(state->execute());
        } catch (...) {
            state->answer.emplace(detail::work_threw(std::current_exception()));
        }
        state->work.reset();  // what it captured (a password) goes now, on this thread
        detail::finish_on_loop(std::move(state));
    }

    bool submit(Job job);
    void work_until_stopped();

    const std::size_t max_queued_;
    mutable std::mutex mutex_;
    std::condition_variable wake_;
    struct Waiting {
        Job job;
        SteadyTime since;
    };
    std::deque<Waiting> jobs_;
    QueueCounts counts_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace rookery
