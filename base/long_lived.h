// LongLived: memory for small pieces that stay as long as a session or an account, on pages of their own. Beside what a
// storm of logins needs for a moment, each of them would keep a page of it for hours.
#pragma once

#include <cstddef>

namespace rookery {

// A base of such classes: `new` and `delete` of them. Any thread.
struct LongLived {
    static void* operator new(std::size_t bytes);
    static void operator delete(void* piece, std::size_t bytes) noexcept;
};

}  // namespace rookery
