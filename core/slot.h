// Slots: state a module keeps on a session or an account. It survives the module's reload, goes with its owner, and
// costs nothing where it was never set.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

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

class SlotMap {
public:
    template <class State>
    State* find() {
        const std::uint32_t id = detail::slot_id<State>();
        for (Entry& entry : entries_)
            if (entry.id == id) return static_cast<State*>(entry.state.get());
        return nullptr;
    }
    template <class State>
    State& get() {
        if (State* found = find<State>()) return *found;
        entries_.push_back(Entry{detail::slot_id<State>(), std::make_shared<State>()});
        return *static_cast<State*>(entries_.back().state.get());
    }
    template <class State>
    void clear() {
        const std::uint32_t id = detail::slot_id<State>();
        std::erase_if(entries_, [id](const Entry& entry) { return entry.id == id; });
    }

private:
    struct Entry {
        std::uint32_t id;
        std::shared_ptr<void> state;
    };
    std::vector<Entry> entries_;
};

}  // namespace rookery
