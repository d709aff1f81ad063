// Task<T>: a coroutine that starts when it is awaited or spawned and runs on one loop's thread.
// A Task is awaited at most once. Parameters are taken by value; see docs/traps.md for what GCC 12
// gets wrong around co_await (no braces, no capturing lambda, no ?: inside a co_await expression).
#pragma once

#include <cassert>
#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "base/callback.h"

namespace rookery {

template <class T>
class Task;

namespace detail {

struct PromiseBase {
    std::coroutine_handle<> waiting = std::noop_coroutine();
    std::exception_ptr failure;

    struct Final {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) const noexcept {
            return done.promise().waiting;
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void unhandled_exception() { failure = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
    std::optional<T> value;

    Task<T> get_return_object();
    void return_value(T result) { value.emplace(std::move(result)); }
    T take() {
        if (failure) std::rethrow_exception(failure);
        return std::move(*value);
    }
};

template <>
struct Promise<void> : PromiseBase {
    Task<void> get_return_object();
    void return_void() {}
    void take() {
        if (failure) std::rethrow_exception(failure);
    }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    Task() = default;
    explicit Task(Handle handle) : handle_(handle) {}
    Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            if (handle_) handle_.destroy();
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    ~Task() {
        if (handle_) handle_.destroy();
    }

    explicit operator bool() const { return static_cast<bool>(handle_); }

    bool await_ready() const { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiting) {
        assert(handle_);
        handle_.promise().waiting = waiting;
        return handle_;
    }
    T await_resume() { return handle_.promise().take(); }

private:
    Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
    return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
    return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

// The frame that owns a spawned task; frees itself at the end.
struct Spawned {
    struct promise_type {
        Spawned get_return_object() const { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const {}
        void unhandled_exception() const { std::terminate(); }
    };
};

// What spawn does with an exception nobody awaits: logs it (base/task.cpp).
void report_unhandled(std::exception_ptr failure) noexcept;
}  // namespace detail

// Starts `task` now, on this thread, and lets it run to its end by itself.
inline detail::Spawned spawn(Task<void> task) {
    try {
        co_await task;
    } catch (...) {
        detail::report_unhandled(std::current_exception());
    }
}

// Waits for something that calls back once: `co_await Completion<T>` suspends until complete() was called,
// on whatever thread calls it (callers post to the right loop first). complete() may come before the await.
template <class T>
class Completion {
public:
    Completion() = default;
    Completion(const Completion&) = delete;
    Completion& operator=(const Completion&) = delete;

    void complete(T value) {
        value_.emplace(std::move(value));
        if (waiting_) std::exchange(waiting_, nullptr).resume();
    }

    bool await_ready() const { return value_.has_value(); }
    void await_suspend(std::coroutine_handle<> waiting) { waiting_ = waiting; }
    T await_resume() { return std::move(*value_); }

private:
    std::optional<T> value_;
    std::coroutine_handle<> waiting_;
};

}  // namespace rookery
