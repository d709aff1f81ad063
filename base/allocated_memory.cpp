#include "base/allocated_memory.h"

#include <cstdint>

// jemalloc's; null in programs without it.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old, std::size_t* old_size, void* fresh, std::size_t fresh_size);

namespace rookery {
namespace {

std::size_t read_number(const char* name) {
    std::size_t number = 0, size = sizeof number;
    return mallctl(name, &number, &size, nullptr, 0) == 0 ? number : 0;
}

}  // namespace

std::optional<AllocatedMemory> allocated_memory() {
    if (!mallctl) return std::nullopt;
    std::uint64_t epoch = 1;
    mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch);  // numbers are those of this moment
    return AllocatedMemory{read_number("stats.allocated"), read_number("stats.active"), read_number("stats.resident")};
}

}  // namespace rookery
