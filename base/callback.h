// Callback: a move-only void() of any size; up to 48 bytes are held without an allocation.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace rookery {

class Callback {
public:
    Callback() = default;

    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, Callback> && std::is_invocable_r_v<void, F&>)
    Callback(F&& function) {
        using Held = std::decay_t<F>;
        if constexpr (fits<Held>) {
            new (storage_) Held(std::forward<F>(function));
            table_ = &inline_table<Held>;
        } else {
            new (storage_) Held*(new Held(std::forward<F>(function)));
            table_ = &heap_table<Held>;
        }
    }

    Callback(Callback&& other) noexcept { take(other); }
    Callback& operator=(Callback&& other) noexcept {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~Callback() { reset(); }

    explicit operator bool() const { return table_ != nullptr; }
    void operator()() { table_->call(storage_); }

    void reset() {
        if (table_) std::exchange(table_, nullptr)->destroy(storage_);
    }

private:
    struct Table {
        void (*call)(void*);
        void (*move)(void* to, void* from);  // leaves `from` destroyed
        void (*destroy)(void*);
    };
    static constexpr std::size_t capacity = 48;

    template <class F>
    static constexpr bool fits = sizeof(F) <= capacity && alignof(F) <= alignof(std::max_align_t) &&
                                 std::is_nothrow_move_constructible_v<F>;

    template <class F>
    static constexpr Table inline_table{
        [](void* at) { (*static_cast<F*>(at))(); },
        [](void* to, void* from) {
            new (to) F(std::move(*static_cast<F*>(from)));
            static_cast<F*>(from)->~F();
        },
        [](void* at) { static_cast<F*>(at)->~F(); },
    };
    template <class F>
    static constexpr Table heap_table{
        [](void* at) { (**static_cast<F**>(at))(); },
        [](void* to, void* from) { new (to) F*(*static_cast<F**>(from)); },
        [](void* at) { delete *static_cast<F**>(at); },
    };

    void take(Callback& other) {
        if (!other.table_) return;
        other.table_->move(storage_, other.storage_);
        table_ = std::exchange(other.table_, nullptr);
    }

    alignas(std::max_align_t) std::byte storage_[capacity];
    const Table* table_ = nullptr;
};

}  // namespace rookery
