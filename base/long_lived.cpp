#include "base/long_lived.h"

#include <jemalloc/jemalloc.h>

#include <new>

// Null in programs without jemalloc (server/allocator.cpp).
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size, void* fresh, std::size_t fresh_size) noexcept;
extern "C" [[gnu::weak]] void* mallocx(std::size_t bytes, int flags) noexcept;
extern "C" [[gnu::weak]] void sdallocx(void* piece, std::size_t bytes, int flags) noexcept;

namespace rookery {
namespace {

// 0: the usual one, where there can be no other. Threads keep nothing of it for themselves: there it would mix again.
int flags_of_arena() {
    unsigned arena = 0;
    std::size_t size = sizeof arena;
    if (!mallctl || mallctl("arenas.create", &arena, &size, nullptr, 0) != 0) return 0;
    return static_cast<int>(MALLOCX_ARENA(arena) | MALLOCX_TCACHE_NONE);
}

int arena_flags() {
    static const int flags = flags_of_arena();
    return flags;
}

}  // namespace

void* LongLived::operator new(std::size_t bytes) {
    if (arena_flags() == 0) return ::operator new(bytes);
    void* const piece = mallocx(bytes, arena_flags());
    if (!piece) throw std::bad_alloc();
    return piece;
}

void LongLived::operator delete(void* piece, std::size_t bytes) noexcept {
    if (arena_flags() == 0) return ::operator delete(piece);
    if (piece) sdallocx(piece, bytes, arena_flags());
}

}  // namespace rookery
