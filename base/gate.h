// Gate: counts work in flight on one loop, so that shutdown (or a reload) can wait until none is left.
// One thread: the loop's. The gate outlives its passes; whoever awaits close() may destroy it afterwards.
#pragma once

#include <cassert>
#include <cstddef>
#include <optional>
#include <utility>

#include "base/loop.h"
#include "base/task.h"

namespace rookery {

class Gate {
public:
    // Held by the work that is in flight.
    class Pass {
    public:
        Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
        Pass& operator=(Pass&& other) noexcept {
            std::swap(gate_, other.gate_);
            return *this;
        }
        ~Pass() {
            if (gate_) gate_->leave();
        }

    private:
        friend Gate;
        explicit Pass(Gate& gate) : gate_(&gate) {}
        Gate* gate_;
    };

    Gate() = default;
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    ~Gate() { assert(count_ == 0); }

    // nullopt once the gate is closing: the work must not begin.
    std::optional<Pass> enter() {
        if (closing_) return std::nullopt;
        ++count_;
        return Pass(*this);
    }

    // Lets nobody in any more, and waits for those inside. Once.
    Task<void> close() {
        assert(!closing_);
        closing_ = true;
        if (count_ > 0) co_await empty_;
    }

    std::size_t count() const { return count_; }
    bool closing() const { return closing_; }

private:
    // The last pass may be a local of a coroutine that is just ending: the waiter goes on in a later turn.
    void leave() {
        if (--count_ > 0 || !closing_) return;
        if (Loop* loop = Loop::current())
            loop->post([this] { empty_.complete(true); });
        else
            empty_.complete(true);
    }

    std::size_t count_ = 0;
    bool closing_ = false;
    Completion<bool> empty_;
};

}  // namespace rookery
