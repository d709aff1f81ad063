// What the allocator says of the whole process, where it is jemalloc (server/allocator.cpp).
#pragma once

#include <cstddef>
#include <optional>

namespace rookery {

struct AllocatedMemory {
    std::size_t allocated;  // to the program
    std::size_t active;     // in pages that hold any of it
    std::size_t resident;   // in memory, with the allocator's own
};

// Any thread. Nullopt: another allocator.
std::optional<AllocatedMemory> allocated_memory();

}  // namespace rookery
