// Slots: state a module keeps on a session or an account. It survives the module's reload, goes with its owner, and
// costs nothing where it was never set.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/long_lived.h"

namespace rookery {

namespace detail {
// One number per state type and program, given on first use (before the shards start or on any of them).
std::uint32_t next_slot_id();
template <class State>
std::uint32_t slot_id() {
    static const std::uint32_t id = next_slot_id();
    return id;
}
}  // namespace detail

// A list: few slots are ever set, and there is one map in each session and account.
class SlotMap {
public:
    template <class State>
    State* find() {
        std::unique_ptr<Slot>& found = place_of(detail::slot_id<State>());
        return found ? &static_cast<SlotOf<State>&>(*found).state : nullptr;
    }
    template <class State>
    State& get() {
        if (State* found = find<State>()) return *found;
        auto slot = std::make_unique<SlotOf<State>>(detail::slot_id<State>());
        State& state = slot->state;
        slot->next = std::exchange(first_, nullptr);
        first_ = std::move(slot);
        return state;
    }
    template <class State>
    void clear() {
        std::unique_ptr<Slot>& found = place_of(detail::slot_id<State>());
        if (!found) return;
        const std::unique_ptr<Slot> cleared = std::move(found);
        found = std::move(cleared->next);
    }

    // For gauges: how many are set, and their bytes without what they point at.
    std::size_t count() const {
        std::size_t count = 0;
        for (const Slot* slot = first_.get(); slot; slot = slot->next.get()) ++count;
        return count;
    }
    std::size_t bytes() const {
        std::size_t bytes = 0;
        for (const Slot* slot = first_.get(); slot; slot = slot->next.get()) bytes += slot->bytes();
        return bytes;
    }

private:
    struct Slot : LongLived {
        explicit Slot(std::uint32_t slot_id) : id(slot_id) {}
        virtual ~Slot() = default;
        virtual std::size_t bytes() const = 0;

        std::unique_ptr<Slot> next;
        const std::uint32_t id;
    };
    template <class State>
    struct SlotOf final : Slot {
        static_assert(alignof(State) <= alignof(std::max_align_t));  // LongLived
        using Slot::Slot;
        std::size_t bytes() const override { return sizeof *this; }
        State state{};
    };

    // Where its owner is; the end of the list: null.
    std::unique_ptr<Slot>& place_of(std::uint32_t id) {
        std::unique_ptr<Slot>* place = &first_;
        while (*place && (*place)->id != id) place = &(*place)->next;
        return *place;
    }

    std::unique_ptr<Slot> first_;
};

}  // namespace rookery
